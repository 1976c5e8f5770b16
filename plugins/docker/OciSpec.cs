using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Plugins.Docker;

/// <summary>What of an OCI bundle's config.json matters here. Members that are <see cref="JsonElement"/> are only looked at for being there.</summary>
internal sealed record OciSpec
{
    private const long MaxBytes = 8 << 20;

    public required OciProcess Process { get; init; }

    public OciRoot? Root { get; init; }

    public IReadOnlyList<OciMount> Mounts { get; init; } = [];

    public JsonElement? Hooks { get; init; }

    public OciLinux Linux { get; init; } = new();

    public static OciSpec ReadBundle(string bundle) => Read<OciSpec>(Path.Combine(bundle, "config.json"));

    public static OciProcess ReadProcess(string path) => Read<OciProcess>(path);

    private static T Read<T>(string path)
    {
        try
        {
            if (new FileInfo(path).Length > MaxBytes)
            {
                throw RuntimeException.InvalidArgument($"{path} is larger than {MaxBytes} bytes");
            }

            return JsonSerializer.Deserialize<T>(File.ReadAllBytes(path), DockerJson.Settings)
                ?? throw RuntimeException.InvalidArgument($"{path} is empty");
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException)
        {
            throw RuntimeException.InvalidArgument($"{path} cannot be read: {e.Message}");
        }
    }
}

internal sealed record OciRoot
{
    public bool Readonly { get; init; }
}

internal sealed record OciProcess
{
    public IReadOnlyList<string> Args { get; init; } = [];

    public IReadOnlyList<string> Env { get; init; } = [];

    public string Cwd { get; init; } = "/";

    public bool Terminal { get; init; }

    public OciUser User { get; init; } = new();

    public OciCapabilities? Capabilities { get; init; }

    public bool NoNewPrivileges { get; init; }

    public IReadOnlyList<OciRlimit> Rlimits { get; init; } = [];

    public int? OomScoreAdj { get; init; }

    public string? ApparmorProfile { get; init; }

    public string? SelinuxLabel { get; init; }
}

internal sealed record OciUser
{
    public uint Uid { get; init; }

    public uint Gid { get; init; }

    public uint? Umask { get; init; }

    public IReadOnlyList<uint> AdditionalGids { get; init; } = [];
}

internal sealed record OciCapabilities
{
    public IReadOnlyList<string> Bounding { get; init; } = [];

    public IReadOnlyList<string> Inheritable { get; init; } = [];

    public IReadOnlyList<string> Ambient { get; init; } = [];
}

internal sealed record OciRlimit(string Type, ulong Hard, ulong Soft);

internal sealed record OciMount
{
    public required string Destination { get; init; }

    public string? Type { get; init; }

    public string? Source { get; init; }

    public IReadOnlyList<string> Options { get; init; } = [];

    public JsonElement? UidMappings { get; init; }

    public JsonElement? GidMappings { get; init; }
}

internal sealed record OciLinux
{
    public IReadOnlyList<OciNamespace> Namespaces { get; init; } = [];

    public IReadOnlyList<OciDevice> Devices { get; init; } = [];

    public string? CgroupsPath { get; init; }

    public OciResources Resources { get; init; } = new();

    public JsonElement? Seccomp { get; init; }

    public IReadOnlyList<string> MaskedPaths { get; init; } = [];

    public IReadOnlyList<string> ReadonlyPaths { get; init; } = [];

    public IReadOnlyDictionary<string, string> Sysctl { get; init; } = new Dictionary<string, string>();

    public JsonElement? IntelRdt { get; init; }

    public JsonElement? Personality { get; init; }

    public JsonElement? TimeOffsets { get; init; }
}

internal sealed record OciNamespace(string Type, string? Path);

internal sealed record OciDevice(string Path, string Type, long Major, long Minor);

internal sealed record OciResources
{
    public IReadOnlyList<OciDeviceRule> Devices { get; init; } = [];

    public OciMemory Memory { get; init; } = new();

    public OciCpu Cpu { get; init; } = new();

    public OciPids Pids { get; init; } = new();

    public IReadOnlyList<OciHugepageLimit> HugepageLimits { get; init; } = [];

    public IReadOnlyDictionary<string, string> Unified { get; init; } = new Dictionary<string, string>();

    public JsonElement? BlockIO { get; init; }

    public JsonElement? Network { get; init; }

    public JsonElement? Rdma { get; init; }
}

internal sealed record OciDeviceRule
{
    public bool Allow { get; init; }

    public string? Type { get; init; }

    public long? Major { get; init; }

    public long? Minor { get; init; }

    public string? Access { get; init; }
}

internal sealed record OciMemory
{
    public long? Limit { get; init; }

    public long? Swap { get; init; }

    public long? Reservation { get; init; }

    public long? Swappiness { get; init; }

    public bool? DisableOOMKiller { get; init; }
}

internal sealed record OciCpu
{
    public long? Shares { get; init; }

    public long? Quota { get; init; }

    public long? Period { get; init; }

    public string? Cpus { get; init; }

    public string? Mems { get; init; }
}

internal sealed record OciHugepageLimit(string PageSize, ulong Limit);

internal sealed record OciPids
{
    public long? Limit { get; init; }
}
