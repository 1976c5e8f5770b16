using Berth.Abstractions;
using Berth.Remoting.Wire;

namespace Berth.Remoting.Client;

/// <summary>
/// Whether an answer is one that the contract allows. A plugin may answer anything, in a process of its own any bytes, and what the
/// gateway takes over must neither be null where it cannot be, nor have no end.
/// </summary>
public static class AnswerChecks
{
    private const int LongestText = 16 << 10, MostItems = 100_000, MostNames = 1024;

    // The time of an end; a clock may be off by a day, not by years.
    private static readonly TimeSpan Future = TimeSpan.FromDays(1);

    /// <summary>What is wrong with an answer of the contract's own types; null if nothing is. Of others, such as a plugin's objects, nothing is known here.</summary>
    public static string? FindIn(object answer, TimeProvider time) => answer switch
    {
        HandlerCheck check => Find(check),
        PreparedSandbox prepared => Find(prepared),
        IReadOnlyList<OwnedObject> owned => Find(owned),
        PreparedImage image => Find(image),
        SandboxInfo info => Find(info),
        ResourceUsage usage => Find(usage),
        ProcessExit exit => Find(exit, time),
        IReadOnlyList<int> pids => Find(pids),
        _ => null,
    };

    /// <summary>The same of one that came from another process.</summary>
    internal static string? Find(WireAnswer answer, TimeProvider time) =>
        Texts("id", [answer.Id])
        ?? (answer.Pid < 0 ? "pid is below 0" : null)
        ?? (answer.Failure is { } failure ? Find(failure) : null)
        ?? (answer.Check is { } check ? Find(check) : null)
        ?? (answer.Prepared is { } prepared ? Find(prepared) : null)
        ?? (answer.Owned is { } owned ? Find(owned) : null)
        ?? (answer.Image is { } image ? Find(image) : null)
        ?? (answer.Info is { } info ? Find(info) : null)
        ?? (answer.Usage is { } usage ? Find(usage) : null)
        ?? (answer.Exit is { } exit ? Find(exit, time) : null)
        ?? (answer.Pids is { } pids ? Find(pids) : null)
        ?? (answer.Containers is { } containers ? Find(containers) : null);

    private static string? Find(WireFailure failure) =>
        failure.Code is { } code && !Enum.IsDefined(code) ? $"{(int)code} is no code of a failure" : failure.Message is null ? "a failure has no message" : null;

    private static string? Find(PreparedSandbox prepared) => prepared.NetworkNamespacePath is { } path ? FilePath("networkNamespacePath", path) : null;

    private static string? Find(ResourceUsage usage) => Stalls(usage).Any(static s => s is { Some: null }) ? "usage has a stall without figures" : null;

    private static string? Find(HandlerCheck check) =>
        Texts("check", [check.Reason, check.RuntimeVersion, check.CheckpointReason])
        ?? (check.OciVersion is { } version && Version.TryParse(version.Split('-')[0], out _) ? null : "ociVersion is no version")
        ?? (check.Features is not { RootfsForms: { Count: > 0 } forms } features ? "features are missing"
            : forms.Count > MostNames || forms.Any(static f => !Enum.IsDefined(f)) || !Enum.IsDefined(features.NetworkNamespace) || !Enum.IsDefined(features.Stats)
                ? "features hold what is no value of theirs" : null);

    private static string? Find(IReadOnlyList<OwnedObject> owned) =>
        owned.Count > MostItems ? $"{owned.Count} owned objects"
        : owned.Any(static o => o is null || o.Id is null || o.Kind is null || o.Description is null) ? "an owned object is null in part"
        : Texts("owned", owned.SelectMany(static o => (string[])[o.Id, o.Kind, o.Description]));

    private static string? Find(PreparedImage image) =>
        image.UsedBytes < 0 || image.InodesUsed < 0 ? "an image's size is below 0" : FilePath("mountpoint", image.Mountpoint);

    private static string? Find(SandboxInfo info) =>
        info.Pid < 0 ? "pid is below 0"
        : info.NamespacePaths is null || info.Details is null ? "sandbox info is null in part"
        : info.NamespacePaths.Count + info.Details.Count > MostNames ? "sandbox info has too many members"
        : Texts("info", [.. info.NamespacePaths.Keys, .. info.Details.Keys, .. info.Details.Values.Select(static v => v ?? "")])
            ?? info.NamespacePaths.Values.Select(static p => FilePath("namespacePaths", p)).FirstOrDefault(static e => e is not null);

    private static IEnumerable<PressureStall?> Stalls(ResourceUsage usage) => [usage.CpuPressure, usage.MemoryPressure, usage.IoPressure];

    private static string? Find(ProcessExit exit, TimeProvider time) =>
        exit.Code is < 0 or > 255 ? $"{exit.Code} is no exit status"
        : exit.FinishedAt < DateTimeOffset.UnixEpoch || exit.FinishedAt > time.GetUtcNow() + Future ? $"{exit.FinishedAt:O} is no time of an end"
        : Texts("lostReason", [exit.LostReason]);

    private static string? Find(IReadOnlyList<int> pids) =>
        pids.Count > MostItems ? $"{pids.Count} pids" : pids.Any(static p => p <= 0) ? "a pid is below 1" : null;

    private static string? Find(IReadOnlyList<WireContainer> containers) =>
        containers.Count > MostItems ? $"{containers.Count} containers"
        : containers.Any(static c => c is null || c.Id is null || c.Pid < 0) ? "a container is null in part" : Texts("containers", containers.Select(static c => c.Id));

    private static string? FilePath(string what, string? path) =>
        path is ['/', ..] && path.Length <= 4096 && !path.Contains('\0') ? null : $"{what} is no absolute path";

    private static string? Texts(string what, IEnumerable<string?> texts) =>
        texts.Any(static t => t is { Length: > LongestText }) ? $"{what} holds a text of more than {LongestText} characters" : null;
}
