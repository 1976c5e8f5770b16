using Berth.Abstractions;

namespace Berth.Plugins.Docker;

/// <summary>The entry: one handler for each Docker Engine that the configuration names.</summary>
public sealed class DockerPlugin : IRuntimePlugin
{
    /// <inheritdoc/>
    public Task<IRuntimeHandler> CreateHandlerAsync(HandlerConfig config, IHandlerContext context, CancellationToken cancellationToken)
    {
        var options = DockerOptions.Parse(config);
        return Task.FromResult<IRuntimeHandler>(new DockerHandler(config, options, context, TimeProvider.System));
    }
}
