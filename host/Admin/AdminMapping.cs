using Berth.Abstractions;
using Berth.Admin.Protos;
using Berth.Containers;
using Berth.Images;
using Berth.Metrics;
using Berth.Plugins;
using Berth.Sandboxes;

namespace Berth.Admin;

/// <summary>From the gateway's records to the messages of admin.proto.</summary>
internal static class AdminMapping
{
    public static PodRow ToRow(Sandbox sandbox, IEnumerable<Container> containers) => new()
    {
        Id = sandbox.Id,
        Namespace = sandbox.Spec.Namespace,
        Name = sandbox.Spec.Name,
        Attempt = sandbox.Spec.Attempt,
        State = sandbox.Phase.ToString(),
        Handler = sandbox.Handler,
        Reason = sandbox.HandlerReason,
        Ips = { sandbox.Ips },
        CreatedAt = Nanoseconds(sandbox.CreatedAt),
        Containers = { containers.OrderBy(static c => c.CreatedAt).Select(ToRow) },
        Owed = sandbox.Owed ?? "",
        Plugin = sandbox.Plugin,
        PluginVersion = sandbox.PluginVersion,
        RuntimeVersion = sandbox.RuntimeVersion,
    };

    public static HandlerRow ToRow(HandlerEntry handler, bool isDefault) => new()
    {
        Name = handler.Name,
        Plugin = handler.Plugin,
        Ready = handler.Ready,
        Reason = handler.Reason,
        RuntimeVersion = handler.Handler?.Health.Check.RuntimeVersion ?? "",
        IsDefault = isDefault,
        State = handler.State.ToString(),
        CheckedAt = Nanoseconds(handler.Handler?.Health.CheckedAt),
        Features = { handler.Handler is { } created ? FeatureNames.Of(created.Health.Features) : [] },
    };

    public static ListPluginsResponse ToResponse(PluginSnapshot snapshot, ReloadState last, IReadOnlyCollection<Sandbox> sandboxes, IReadOnlyList<PluginProcessSample> processes) => new()
    {
        Plugins = { snapshot.PluginsNow().Select(p => ToRow(p, snapshot, sandboxes, processes)) },
        Generation = snapshot.Generation,
        ConfigurationProblem = last.ConfigurationProblem,
        RestartKeys = { last.RestartKeys },
        AllowUnsigned = snapshot.Options.Plugins.Signatures.AllowUnsigned,
        LastTrigger = last.Trigger,
        LastAt = Nanoseconds(last.At),
    };

    private static PluginRow ToRow(PluginEntry plugin, PluginSnapshot snapshot, IReadOnlyCollection<Sandbox> sandboxes, IReadOnlyList<PluginProcessSample> processes)
    {
        var row = ToRow(plugin);
        if (plugin.State is not (PluginState.Failed or PluginState.Incompatible or PluginState.Disabled))
        {
            row.Pods = sandboxes.Count(s => s.PluginDigest.Length > 0 && s.PluginDigest == plugin.Digest);
            row.Handlers.Add(snapshot.Handlers.Values.Concat(snapshot.Draining).Where(h => h.PluginDigest == plugin.Digest && h.Plugin == plugin.Id).Select(static h => h.Name).Distinct().Order(StringComparer.Ordinal));
            foreach (var process in processes.Where(p => p.Digest == plugin.Digest))
            {
                (row.Pid, row.MemoryBytes, row.Restarts) = (process.Pid ?? 0, process.MemoryBytes, process.Restarts);
            }
        }

        return row;
    }

    public static PluginRow ToRow(PluginEntry plugin) => new()
    {
        Digest = plugin.Digest,
        Generation = plugin.Generation,
        Origin = plugin.Origin,
        Id = plugin.Id,
        Version = plugin.Version,
        Folder = plugin.Folder,
        State = plugin.State.ToString(),
        Reason = plugin.Reason,
    };

    public static ExplainResponse ToResponse(SelectionDecision decision) => new()
    {
        Handler = decision.Handler,
        Reason = decision.Reason,
        Denied = decision.Refusal == RuntimeErrorCode.PermissionDenied,
        Refusal = decision.Refusal?.ToString() ?? "",
        Steps = { decision.Steps.Select(static s => new ExplainStep { Rule = s.Rule, Matched = s.Matched, Detail = s.Detail }) },
    };

    public static Finding ToFinding(DoctorFinding finding) => new()
    {
        Severity = finding.Severity switch
        {
            DoctorSeverity.Ok => "ok",
            DoctorSeverity.Warning => "warning",
            _ => "error",
        },
        Subject = finding.Subject,
        Message = finding.Message,
        Remedy = finding.Remedy,
    };

    // Since the epoch; 0 for never.
    private static long Nanoseconds(DateTimeOffset? time) => time is { } at ? (at - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick : 0;

    private static ContainerRow ToRow(Container container) => new()
    {
        Id = container.Id,
        Name = container.Spec.Name,
        State = container.Phase.ToString(),
        Image = container.Spec.UserSpecifiedImage.Length > 0 ? container.Spec.UserSpecifiedImage : container.Spec.Image,
        Pid = container.Pid,
    };

    public static PullImageProgress ToProgress(PullProgress progress) => new()
    {
        Layers = { progress.Layers.Select(static l => new PulledLayer { Digest = l.Digest, SizeBytes = l.SizeBytes, ReceivedBytes = l.ReceivedBytes, Host = l.Host }) },
    };
}
