namespace Berth.Cluster;

internal static partial class ClusterLog
{
    [LoggerMessage(600, LogLevel.Information, "RuntimeClass {Handler} published")]
    public static partial void Published(ILogger logger, string handler);

    [LoggerMessage(601, LogLevel.Information, "RuntimeClass {Handler} brought up to date")]
    public static partial void Updated(ILogger logger, string handler);

    [LoggerMessage(602, LogLevel.Information, "RuntimeClass {Handler} removed: no node has its handler any more")]
    public static partial void Removed(ILogger logger, string handler);

    [LoggerMessage(603, LogLevel.Warning, "RuntimeClass {Handler} is somebody else's (it has no label {Label}=berth): it is left as it is")]
    public static partial void Foreign(ILogger logger, string handler, string label);

    [LoggerMessage(604, LogLevel.Information, "node {Node}: {Count} labels of handlers and features changed")]
    public static partial void Labelled(ILogger logger, string node, int count);

    [LoggerMessage(605, LogLevel.Warning, "the cluster could not be told of the handlers: {Reason}; it is tried again, pods are not affected")]
    public static partial void Failed(ILogger logger, string reason);

    [LoggerMessage(606, LogLevel.Warning, "an event could not be told to the cluster: {Reason}; pods are not affected")]
    public static partial void EventsFailed(ILogger logger, string reason);

    [LoggerMessage(607, LogLevel.Warning, "{Count} events were too many, and are not told to the cluster")]
    public static partial void EventsDropped(ILogger logger, long count);
}
