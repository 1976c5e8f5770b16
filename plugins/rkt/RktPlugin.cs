using Berth.Abstractions;

namespace Berth.Plugins.Rkt;

/// <summary>The entry.</summary>
public sealed class RktPlugin : IRuntimePlugin
{
    /// <inheritdoc/>
    public Task<IRuntimeHandler> CreateHandlerAsync(HandlerConfig config, IHandlerContext context, CancellationToken cancellationToken)
    {
        var options = RktOptions.Parse(config);
        return Task.FromResult<IRuntimeHandler>(new RktHandler(config, options, context, TimeProvider.System));
    }
}
