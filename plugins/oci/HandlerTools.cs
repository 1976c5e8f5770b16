using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>What every container of a handler works with.</summary>
internal sealed record HandlerTools(
    OciOptions Options, RuntimeCommand Runtime, string RuntimeRoot, Cgroups Cgroups, IPluginLog Log, TimeProvider Clock)
{
    /// <summary>The handler is disposed of: another object has its containers.</summary>
    public CancellationToken LetGo { get; init; }

    /// <summary>To be begun before a runtime that will move a process into a cgroup.</summary>
    public CgroupWarmUp WarmUp { get; } = new(Cgroups);

    public ContainerCgroup CgroupOf(OciState? state) => new(Cgroups, state?.Cgroup);
}
