using System.Text.Json;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.ShimV2;

/// <summary>The files in a container's private folder: FIFOs, the exit, and the bundle as the shim gets it, in a folder named by the id.</summary>
internal sealed class ContainerFiles(string folder, string id)
{
    private const UnixFileMode FifoMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public string Folder => folder;

    public string Bundle => Path.Combine(folder, id);

    public string Stdin => Path.Combine(folder, "in");

    public string Stdout => Path.Combine(folder, "out");

    public string Stderr => Path.Combine(folder, "err");

    private string Exit => Path.Combine(folder, "exit.json");

    private string Forgotten => Path.Combine(folder, "forgotten");

    /// <summary>Whether its shim, or the shim's program, has removed what was left of it.</summary>
    public bool IsForgotten => File.Exists(Forgotten);

    /// <summary>A FIFO of an exec.</summary>
    public string ExecFifo(string execId, string stream) => Path.Combine(folder, $"exec-{execId}-{stream}");

    public static void MakeFifo(string path)
    {
        try
        {
            SafeFd.MakeFifo(path, FifoMode);
        }
        catch (LinuxException e)
        {
            throw RuntimeException.Unavailable($"{path}: {e.Message}", e);
        }
    }

    /// <summary>How the container ended, as it was kept before its shim forgot it; null if it was not.</summary>
    public ProcessExit? ReadExit()
    {
        try
        {
            return JsonSerializer.Deserialize<ProcessExit>(File.ReadAllBytes(Exit), ShimJson.Settings);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Keeps the exit: after this the shim may forget it.</summary>
    public void WriteExit(ProcessExit exit)
    {
        try
        {
            // Who watches the exit and who removes the container may both be here.
            var temporary = $"{Exit}.{Guid.NewGuid():n}";
            File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(exit, ShimJson.Settings));
            File.Move(temporary, Exit, overwrite: true);
        }
        catch (DirectoryNotFoundException)
        {
            // The container was destroyed meanwhile; nobody will ask.
        }
    }

    /// <summary>Notes that nothing of it is left at its shim.</summary>
    public void MarkForgotten()
    {
        try
        {
            File.WriteAllText(Forgotten, "");
        }
        catch (DirectoryNotFoundException)
        {
            // The container was destroyed meanwhile; nobody will ask.
        }
    }

    /// <summary>Deletes all of it. A bundle holds no mount: the root file system is elsewhere, and the shim's own are gone by now.</summary>
    public void Delete()
    {
        MountTable.UnmountBeneath(Bundle);
        if (Directory.Exists(Bundle))
        {
            Directory.Delete(Bundle, recursive: true);
        }

        if (Directory.Exists(folder))
        {
            foreach (var file in Directory.EnumerateFiles(folder))
            {
                File.Delete(file);
            }
        }
    }
}
