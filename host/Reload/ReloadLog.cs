namespace Berth.Reload;

internal static partial class ReloadLog
{
    [LoggerMessage(900, LogLevel.Information, "reload ({Trigger}): generation {Generation} is in force", EventName = "Reloaded")]
    public static partial void Reloaded(ILogger logger, string trigger, long generation);

    [LoggerMessage(901, LogLevel.Error, "reload ({Trigger}): the configuration is not taken, what was in force stays: {Problem}", EventName = "ConfigurationRefused")]
    public static partial void ConfigurationRefused(ILogger logger, string trigger, string problem);

    [LoggerMessage(902, LogLevel.Warning, "reload: {Keys} changed in the configuration and will be in force after a restart of the gateway", EventName = "RestartNeeded")]
    public static partial void RestartNeeded(ILogger logger, string keys);

    [LoggerMessage(903, LogLevel.Information, "sandbox {SandboxId}: handler {Handler} moved it from version {From} to {To} of its plugin", EventName = "PodMoved")]
    public static partial void PodMoved(ILogger logger, string sandboxId, string handler, string from, string to);

    [LoggerMessage(904, LogLevel.Warning, "sandbox {SandboxId}: handler {Handler} could not move it from version {From} to {To} of its plugin, it stays with the older: {Reason}", EventName = "PodNotMoved")]
    public static partial void PodNotMoved(ILogger logger, string sandboxId, string handler, string from, string to, string reason);

    [LoggerMessage(906, LogLevel.Error, "The gateway before this one died: {Words}", EventName = "Died")]
    public static partial void Died(ILogger logger, string words);

    [LoggerMessage(907, LogLevel.Warning, "Handler {Handler} of plugin {Plugin} {Version} had a call running then, as others had; once more, and it is quarantined", EventName = "Suspected")]
    public static partial void Suspected(ILogger logger, string handler, string plugin, string version);

    [LoggerMessage(905, LogLevel.Error, "reload ({Trigger}) failed; what was in force stays", EventName = "ReloadFailed")]
    public static partial void ReloadFailed(ILogger logger, Exception exception, string trigger);
}
