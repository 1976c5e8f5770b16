using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Cli.Up;

/// <summary>The folders of a gateway that is there for a while, and notes of what the machine was like before.</summary>
internal sealed class UpFolders(string name)
{
    private const UnixFileMode OwnerWrites = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private readonly string _volatile = Path.Combine("/run", name);
    private readonly string _lasting = Path.Combine("/var/lib", name);

    public string State => Path.Combine(_volatile, "state");

    public string Socket => Path.Combine(_volatile, "berth.sock");

    public string Root => Path.Combine(_lasting, "root");

    public string Log => Path.Combine(_lasting, "berth.log");

    public string Logs => Path.Combine(_lasting, "pods");

    public string Image => Path.Combine(_lasting, "sample");

    public string Configuration => Path.Combine(_lasting, "plugins.json");

    public string Plugins => Path.Combine(_lasting, "plugins");

    public string CniConfigurations => Path.Combine(_lasting, "net.d");

    public string Addresses => Path.Combine(_lasting, "addresses");

    public string EngineData => Path.Combine(_lasting, "engine");

    public string EngineLog => Path.Combine(_lasting, "engine.log");

    public string EngineState => Path.Combine(_volatile, "engine");

    public string EnginePid => Path.Combine(_volatile, "engine.pid");

    public string EngineSocket => Path.Combine(_volatile, "engine.sock");

    /// <summary>What must be put back at the end; kept in a file, so that the next run can do it after a kill.</summary>
    public string Before => Path.Combine(_lasting, "before.json");

    /// <summary>Keeps a second run out; dispose of the result at the end.</summary>
    public IDisposable Take()
    {
        try
        {
            // FileShare.None takes an advisory flock(2), which ends with the process.
            return new FileStream(_volatile + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (IOException e)
        {
            throw RuntimeException.FailedPrecondition($"another `berth up` runs here ({e.Message}): end that one first");
        }
    }

    public void Create()
    {
        foreach (var folder in (string[])[_volatile, _lasting, Logs, CniConfigurations, Addresses])
        {
            Directory.CreateDirectory(folder, OwnerWrites);
        }
    }

    /// <summary>Copies the plugins, so that they belong to root whoever built them: the gateway takes no others.</summary>
    public void CopyPlugins(string source)
    {
        if (Directory.Exists(Plugins))
        {
            Directory.Delete(Plugins, recursive: true);
        }

        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(Plugins, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!, OwnerWrites);
            File.Copy(file, target);
        }
    }

    public void Remove()
    {
        foreach (var folder in (string[])[_volatile, _lasting])
        {
            MountTable.UnmountBeneath(folder);
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }
}
