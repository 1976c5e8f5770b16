using Berth.Abstractions;

namespace Berth.Plugins.Vm;

/// <summary>What a container keeps in its private folder.</summary>
internal sealed record ContainerFiles(string Folder)
{
    public string LogPosition => Path.Combine(Folder, "log-position");

    private string Exit => Path.Combine(Folder, "exit.json");

    /// <summary>Writes the exit down, so that the next process reports the same one, also when the VM is gone by then.</summary>
    public void WriteExit(ProcessExit exit)
    {
        if (Directory.Exists(Folder))
        {
            StateFile.Write(Exit, exit);
        }
    }

    public ProcessExit? ReadExit() => StateFile.Read<ProcessExit>(Exit);

    public void Clear()
    {
        File.Delete(Exit);
        File.Delete(LogPosition);
    }
}
