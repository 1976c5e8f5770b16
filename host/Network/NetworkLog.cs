namespace Berth.Network;

internal static partial class NetworkLog
{
    [LoggerMessage(600, LogLevel.Information, "CNI network {Network} is configured by {File}")]
    public static partial void ConfigurationLoaded(ILogger log, string network, string file);

    [LoggerMessage(601, LogLevel.Warning, "CNI configuration {File} is skipped: {Reason}")]
    public static partial void ConfigurationRefused(ILogger log, string file, string reason);

    [LoggerMessage(602, LogLevel.Debug, "CNI {Command} of plugin {Plugin} for sandbox {SandboxId} took {Milliseconds} ms")]
    public static partial void PluginRan(ILogger log, string command, string plugin, string sandboxId, double milliseconds);

    [LoggerMessage(603, LogLevel.Warning, "The kept CNI result of sandbox {SandboxId} is no JSON and is left out of its DEL: {Reason}")]
    public static partial void CachedResultUnreadable(ILogger log, string sandboxId, string reason);

    [LoggerMessage(604, LogLevel.Information, "{Count} processes of an ADD of sandbox {SandboxId} are ended, for nobody waits for them any more")]
    public static partial void AddEnded(ILogger log, string sandboxId, int count);
}
