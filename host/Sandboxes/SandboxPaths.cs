namespace Berth.Sandboxes;

/// <summary>
/// Where the gateway keeps a sandbox's things; all of it is beneath one folder on tmpfs, so paths follow from the id alone
/// and the row is journal enough.
/// </summary>
/// <param name="State">The gateway's state folder.</param>
public sealed record SandboxPaths(string State)
{
    public string Folder(string id) => Path.Combine(State, "sandboxes", id);

    /// <summary>The files on which the namespaces are pinned.</summary>
    public string Namespaces(string id) => Path.Combine(Folder(id), "ns");

    public string Namespace(string id, string type) => Path.Combine(Namespaces(id), type);

    public string Shm(string id) => Path.Combine(Folder(id), "shm");

    public string Hosts(string id) => Path.Combine(Folder(id), "hosts");

    public string Hostname(string id) => Path.Combine(Folder(id), "hostname");

    public string ResolvConf(string id) => Path.Combine(Folder(id), "resolv.conf");

    public string Bundle(string id) => Path.Combine(Folder(id), "bundle");

    /// <summary>The handler's own.</summary>
    public string Private(string id) => Path.Combine(Folder(id), "private");
}
