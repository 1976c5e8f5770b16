namespace Berth.Containers.Spec;

/// <summary>config.json of an OCI bundle, as far as the gateway writes it: OCI runtime specification, config.md.</summary>
public sealed record OciSpec
{
    public required string OciVersion { get; init; }

    public required OciProcess Process { get; init; }

    public required OciRoot Root { get; init; }

    public string? Hostname { get; init; }

    public IReadOnlyList<OciMount> Mounts { get; init; } = [];

    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();

    public OciHooks? Hooks { get; init; }

    public required OciLinux Linux { get; init; }
}

/// <summary>A process of a container: its init, or an exec.</summary>
public sealed record OciProcess
{
    public bool Terminal { get; init; }

    public required OciUser User { get; init; }

    public required IReadOnlyList<string> Args { get; init; }

    public required IReadOnlyList<string> Env { get; init; }

    public required string Cwd { get; init; }

    public required OciCapabilities Capabilities { get; init; }

    public bool NoNewPrivileges { get; init; }

    public int? OomScoreAdj { get; init; }

    public string? ApparmorProfile { get; init; }

    public string? SelinuxLabel { get; init; }
}

public sealed record OciUser
{
    public required uint Uid { get; init; }

    public required uint Gid { get; init; }

    public IReadOnlyList<uint> AdditionalGids { get; init; } = [];
}

public sealed record OciCapabilities
{
    public IReadOnlyList<string> Bounding { get; init; } = [];

    public IReadOnlyList<string> Effective { get; init; } = [];

    public IReadOnlyList<string> Permitted { get; init; } = [];

    public IReadOnlyList<string> Inheritable { get; init; } = [];

    public IReadOnlyList<string> Ambient { get; init; } = [];
}

/// <param name="Path">The folder, absolute.</param>
/// <param name="Readonly">Whether the process sees it read-only.</param>
public sealed record OciRoot(string Path, bool Readonly);

/// <param name="Destination">Absolute, in the container.</param>
/// <param name="Type">A file system, or <c>bind</c>.</param>
/// <param name="Source">A path of the host for a bind.</param>
/// <param name="Options">As mount(8) names them.</param>
public sealed record OciMount(string Destination, string Type, string Source, IReadOnlyList<string> Options);
