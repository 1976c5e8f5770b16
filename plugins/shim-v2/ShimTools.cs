using Berth.Abstractions;
using Berth.Linux;
using Google.Protobuf.WellKnownTypes;

namespace Berth.Plugins.ShimV2;

/// <summary>What every pod of a handler works with.</summary>
internal sealed record ShimTools(
    ShimOptions Options, ShimCommand Command, Any? RuntimeOptions, EventServer Events, Cgroups Cgroups, string LogSockets, IPluginLog Log, TimeProvider Clock)
{
    /// <summary>The program that writes logs.</summary>
    public string Logger => Options.Logger ?? Path.Combine(Path.GetDirectoryName(typeof(ShimTools).Assembly.Location)!, "berth-logger");

    public ContainerCgroup CgroupOf(ShimState? state) => new(Cgroups, state?.Cgroup);

    /// <summary>The logger of a pod.</summary>
    public PodLog LogOf(string sandboxId, string overheadCgroup) => new(sandboxId, overheadCgroup, this);

    public static ProcessExit Lost(string reason, TimeProvider clock) =>
        new() { Code = 255, FinishedAt = clock.GetUtcNow(), LostReason = $"the exit status is lost: {reason}" };
}
