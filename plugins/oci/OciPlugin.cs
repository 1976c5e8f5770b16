using Berth.Abstractions;

namespace Berth.Plugins.Oci;

/// <summary>The entry: one handler for each runtime that the configuration names.</summary>
public sealed class OciPlugin : IRuntimePlugin
{
    /// <inheritdoc/>
    public Task<IRuntimeHandler> CreateHandlerAsync(HandlerConfig config, IHandlerContext context, CancellationToken cancellationToken)
    {
        var options = OciOptions.Parse(config);
        return Task.FromResult<IRuntimeHandler>(new OciHandler(config, options, context, TimeProvider.System));
    }
}
