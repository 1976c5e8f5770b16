using Berth.Abstractions;

namespace Berth.Plugins.ShimV2;

/// <summary>The entry: one handler for each runtime type that the configuration names.</summary>
public sealed class ShimPlugin : IRuntimePlugin
{
    /// <inheritdoc/>
    public Task<IRuntimeHandler> CreateHandlerAsync(HandlerConfig config, IHandlerContext context, CancellationToken cancellationToken)
    {
        var options = ShimOptions.Parse(config);
        return Task.FromResult<IRuntimeHandler>(new ShimHandler(config, options, context, TimeProvider.System));
    }
}
