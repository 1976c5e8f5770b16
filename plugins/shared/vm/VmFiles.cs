namespace Berth.Plugins.Vm;

/// <summary>
/// Where a VM's things are; all follows from the sandbox's id. Sockets need short paths (unix(7): 107), so the folder has half
/// of the id's digits for a name, and lies in the handler's state folder.
/// </summary>
internal sealed record VmFiles(string Folder)
{
    private const int NameLength = 32;

    public static VmFiles Of(string stateDirectory, string sandboxId) => new(Path.Combine(stateDirectory, "v", sandboxId[..Math.Min(NameLength, sandboxId.Length)]));

    public static IReadOnlyList<VmFiles> All(string stateDirectory)
    {
        var root = Path.Combine(stateDirectory, "v");
        return Directory.Exists(root) ? [.. Directory.EnumerateDirectories(root).Select(static d => new VmFiles(d))] : [];
    }

    /// <summary>The hypervisor's machine protocol.</summary>
    public string Qmp => Path.Combine(Folder, "q");

    /// <summary>The agent.</summary>
    public string Agent => Path.Combine(Folder, "a");

    /// <summary>The file server.</summary>
    public string FileServer => Path.Combine(Folder, "f");

    /// <summary>What the helpers print.</summary>
    public string HypervisorLog => Path.Combine(Folder, "hypervisor.log");

    public string FileServerLog => Path.Combine(Folder, "file-server.log");

    /// <summary>The state, as the gateway keeps it.</summary>
    public string State => Path.Combine(Folder, "state.json");

    /// <summary>States of the containers, a file each.</summary>
    public string Containers => Path.Combine(Folder, "c");

    public string ContainerState(string containerId) => Path.Combine(Containers, containerId);

    /// <summary>The folder that the guest sees.</summary>
    public string Share => Path.Combine(Folder, "s");

    public string ShareOf(string containerId) => Path.Combine(Share, containerId);
}
