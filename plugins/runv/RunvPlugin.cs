using Berth.Abstractions;
using Berth.Plugins.Vm;

namespace Berth.Plugins.Runv;

/// <summary>The entry: VMs that share nothing with the host.</summary>
public sealed class RunvPlugin : IRuntimePlugin
{
    /// <inheritdoc/>
    public Task<IRuntimeHandler> CreateHandlerAsync(HandlerConfig config, IHandlerContext context, CancellationToken cancellationToken) =>
        Task.FromResult<IRuntimeHandler>(new VmHandler(config, VmOptions.Parse(config), new BlockRootfs(), context, TimeProvider.System));
}
