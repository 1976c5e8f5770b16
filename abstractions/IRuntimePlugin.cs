namespace Berth.Abstractions;

/// <summary>
/// The entry of a plugin. The assembly named by <c>plugin.json</c> holds exactly one public class that
/// implements it and has a public constructor without parameters.
/// </summary>
public interface IRuntimePlugin
{
    /// <summary>
    /// Creates one handler. One plugin serves many: each call gets a name and options of its own.
    /// </summary>
    /// <param name="config">Name, options and folders of the handler.</param>
    /// <param name="context">What the gateway lends to the handler for as long as it lives.</param>
    /// <param name="cancellationToken">Gives up; nothing may stay behind.</param>
    /// <exception cref="RuntimeException"><see cref="RuntimeErrorCode.InvalidArgument"/>: an option is unknown or out of range.</exception>
    Task<IRuntimeHandler> CreateHandlerAsync(HandlerConfig config, IHandlerContext context, CancellationToken cancellationToken);
}
