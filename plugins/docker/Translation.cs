using System.Text.Json;
using Berth.Abstractions;
using Docker.DotNet.Models;

namespace Berth.Plugins.Docker;

/// <summary>
/// Says an OCI config.json in the Engine's words. What these cannot say is refused by its name, never left out; the Engine's
/// own habits that config.json does not ask for (default capabilities, swap, masked paths, environment) are turned off.
/// </summary>
internal static class Translation
{
    // Values that the Engine adds to each environment by itself.
    private static readonly string[] AddedVariables = ["PATH", "HOSTNAME", "TERM"];

    public static CreateContainerParameters Create(OciSpec spec, PodPlace place)
    {
        Refuse(spec);
        var process = spec.Process;
        var host = new HostConfig
        {
            ReadonlyRootfs = spec.Root?.Readonly ?? false,
            CgroupParent = place.CgroupParent,
            MaskedPaths = [.. spec.Linux.MaskedPaths],
            ReadonlyPaths = [.. spec.Linux.ReadonlyPaths],
            OomScoreAdj = process.OomScoreAdj ?? 0,
            GroupAdd = [.. process.User.AdditionalGids.Select(static g => $"{g}")],
            Ulimits = [.. process.Rlimits.Select(Limit)],
            Init = false,
        };
        NamespaceTranslation.Apply(spec.Linux.Namespaces, place, host);
        MountTranslation.Apply(spec.Mounts, host);
        DeviceTranslation.Apply(spec.Linux, host);
        SecurityTranslation.Apply(spec, host);
        ResourceTranslation.Apply(spec.Linux.Resources, host);
        return new()
        {
            Entrypoint = [.. process.Args],
            Cmd = [],
            Env = [.. Environment(process.Env, AddedVariables)],
            WorkingDir = process.Cwd,
            User = $"{process.User.Uid}:{process.User.Gid}",
            Tty = process.Terminal,
            HostConfig = host,
        };
    }

    /// <summary>The environment, and what would else be there: a name without a value takes it away.</summary>
    public static IEnumerable<string> Environment(IReadOnlyList<string> wanted, IEnumerable<string> others) =>
        others.Except(wanted.Select(NameOf)).Concat(wanted.Where(static e => e.Contains('=')));

    public static string NameOf(string entry) => entry.Split('=', 2)[0];

    private static void Refuse(OciSpec spec)
    {
        var linux = spec.Linux;
        var named = spec switch
        {
            _ when IsGiven(spec.Hooks) => "hooks",
            _ when spec.Process.User.Umask is not (null or 0x12) => "process.user.umask",
            _ when spec.Process.Args.Count == 0 => throw RuntimeException.InvalidArgument("config.json has no process.args"),
            _ when spec.Process.SelinuxLabel is { Length: > 0 } => "process.selinuxLabel",
            _ when linux.Sysctl.Count > 0 => "linux.sysctl of a container (the pod's are set where its namespaces are made)",
            _ when IsGiven(linux.IntelRdt) => "linux.intelRdt",
            _ when IsGiven(linux.Personality) => "linux.personality",
            _ when IsGiven(linux.TimeOffsets) => "linux.timeOffsets",
            _ => null,
        };
        if (named is not null)
        {
            throw Unsaid(named);
        }
    }

    /// <summary>The failure for what the Engine has no word for.</summary>
    public static RuntimeException Unsaid(string what) =>
        new(RuntimeErrorCode.NotSupported, $"{what} cannot be said to the Docker Engine; leave it out, or choose another RuntimeClass");

    public static bool IsGiven(JsonElement? member) => member is { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) } given
        && !(given.ValueKind == JsonValueKind.Array && given.GetArrayLength() == 0)
        && !(given.ValueKind == JsonValueKind.Object && !given.EnumerateObject().Any());

    // RLIM_INFINITY is all ones, and -1 in the Engine's signed number.
    private static Ulimit Limit(OciRlimit limit) => new()
    {
        Name = limit.Type.Replace("RLIMIT_", "", StringComparison.Ordinal).ToLowerInvariant(),
        Hard = unchecked((long)limit.Hard),
        Soft = unchecked((long)limit.Soft),
    };
}
