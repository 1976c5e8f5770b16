using Berth.Abstractions;
using Berth.Plugins.Vm;

namespace Berth.Plugins.ClearContainers;

/// <summary>The entry: VMs that share the host's root file systems.</summary>
public sealed class ClearContainersPlugin : IRuntimePlugin
{
    /// <inheritdoc/>
    public Task<IRuntimeHandler> CreateHandlerAsync(HandlerConfig config, IHandlerContext context, CancellationToken cancellationToken) =>
        Task.FromResult<IRuntimeHandler>(new VmHandler(config, VmOptions.Parse(config), new SharedRootfs(), context, TimeProvider.System));
}
