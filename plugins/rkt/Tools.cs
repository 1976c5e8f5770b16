using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>What all parts of the handler work with.</summary>
internal sealed record Tools(Programs Programs, Runtime Runtime, PodTree Pods, Cgroups Cgroups, IHandlerContext Context, TimeProvider Clock)
{
    public IPluginLog Log => Context.Log;

    public CgroupLimits Limits { get; } = new(Cgroups.Layout);

    public ContainerCgroup CgroupOf(string? path) => new(Cgroups, path);

    /// <summary>The process that a file of <see cref="ProcessRecord"/> names, or null if it is gone.</summary>
    public static PidFd? Hold(ProcessRecord? process) => process is null ? null : PidFd.TryOpen(process.Pid, process.StartTime);
}
