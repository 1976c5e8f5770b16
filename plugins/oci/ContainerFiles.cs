using System.Globalization;
using Berth.Abstractions;

namespace Berth.Plugins.Oci;

/// <summary>The files in a container's private folder.</summary>
internal sealed class ContainerFiles(string folder)
{
    /// <summary>The folder; the monitor writes <c>exit</c> and <c>oom</c> there.</summary>
    public string Folder => folder;

    /// <summary>The init's process id, written by the runtime.</summary>
    public string Pid => Path.Combine(folder, "pid");

    private string Exit => Path.Combine(folder, "exit");

    private string OutOfMemory => Path.Combine(folder, "oom");

    private string Settled => Path.Combine(folder, "settled");

    /// <summary>The init's process id, or 0 if the runtime has not written it.</summary>
    public int ReadPid() => ReadNumber(Pid) ?? 0;

    /// <summary>How the init ended, as its monitor saw it; null if no monitor wrote it. Its time is the file's.</summary>
    public ProcessExit? ReadExit()
    {
        // The monitor writes -1 where wait(2) told neither an exit status nor a signal.
        return ReadNumber(Exit) is not { } code
            ? null
            : new()
            {
                Code = code is >= 0 and <= 255 ? code : 255,
                FinishedAt = new(File.GetLastWriteTimeUtc(Exit), TimeSpan.Zero),
                OutOfMemory = File.Exists(OutOfMemory),
                LostReason = code is >= 0 and <= 255 ? null : $"the monitor saw an end without a status ({code})",
            };
    }

    /// <summary>Whether the reason of the end was found.</summary>
    public bool IsSettled => File.Exists(Settled);

    /// <summary>Keeps the reason of the end, which nothing may tell any more later.</summary>
    public void Settle(bool outOfMemory)
    {
        try
        {
            foreach (var file in outOfMemory ? (string[])[OutOfMemory, Settled] : [Settled])
            {
                File.WriteAllBytes(file, []);
            }
        }
        catch (DirectoryNotFoundException)
        {
            // The container was destroyed meanwhile; nobody will ask.
        }
    }

    /// <summary>Where the runtime writes the process id of an exec.</summary>
    public string ExecPid(string execId) => Path.Combine(folder, $"exec-{execId}.pid");

    /// <summary>Where the runtime writes why an exec failed; its own standard error is the command's.</summary>
    public string ExecLog(string execId) => Path.Combine(folder, $"exec-{execId}.log");

    /// <summary>The process object of an exec whose terminal has a size from the start.</summary>
    public string ExecProcess(string execId) => Path.Combine(folder, $"exec-{execId}.json");

    /// <summary>Deletes what an earlier container of the same id left.</summary>
    public void Delete()
    {
        if (Directory.Exists(folder))
        {
            foreach (var file in (string[])[Pid, Exit, OutOfMemory, Settled, .. Directory.EnumerateFiles(folder, "exec-*")])
            {
                File.Delete(file);
            }
        }
    }

    public static int? ReadNumber(string path)
    {
        try
        {
            return int.TryParse(File.ReadAllText(path), NumberStyles.AllowLeadingSign | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var number)
                ? number
                : null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }
}
