namespace Berth.Sandboxes;

internal static partial class SandboxLog
{
    [LoggerMessage(200, LogLevel.Information, "sandbox {SandboxId} of pod {Namespace}/{Pod}: handler {Handler}, {Reason}; plugin {Plugin} {PluginVersion}")]
    public static partial void HandlerChosen(
        ILogger logger, string sandboxId, string @namespace, string pod, string handler, string reason, string plugin, string pluginVersion);

    [LoggerMessage(201, LogLevel.Warning, "sandbox {SandboxId} on {Handler} failed ({Failure}) and could not be undone whole; it is retried in the background")]
    public static partial void UndoFailed(ILogger logger, string sandboxId, string handler, string failure, Exception exception);

    [LoggerMessage(202, LogLevel.Warning, "sandbox {SandboxId} on {Handler}: what holds the pod ended with {ExitCode}; the pod is not ready")]
    public static partial void HolderDied(ILogger logger, string sandboxId, string handler, int exitCode);

    [LoggerMessage(203, LogLevel.Warning, "sandbox {SandboxId} on {Handler}: removal is owed: {Reason}")]
    public static partial void Owed(ILogger logger, string sandboxId, string handler, string reason);

    [LoggerMessage(204, LogLevel.Warning, "sandbox {SandboxId} could not be adopted by handler {Handler}: {Reason}")]
    public static partial void NotAdopted(ILogger logger, string sandboxId, string handler, string reason);

    [LoggerMessage(205, LogLevel.Information, "recovered {Sandboxes} sandboxes and {Containers} containers; removing {Removals} that were half made or half removed")]
    public static partial void Recovered(ILogger logger, int sandboxes, int containers, int removals);

    [LoggerMessage(206, LogLevel.Warning, "handler {Handler} owns {Kind} {Id} ({Description}) that no record knows: removed")]
    public static partial void StrayRemoved(ILogger logger, string handler, string kind, string id, string description);

    [LoggerMessage(207, LogLevel.Warning, "handler {Handler}: strays could not be removed: {Reason}")]
    public static partial void StraysLeft(ILogger logger, string handler, string reason);

    [LoggerMessage(208, LogLevel.Warning, "sandbox {SandboxId}: its handler {Handler} is gone or failed ({Reason}); its processes were killed by cgroup")]
    public static partial void KilledByCgroup(ILogger logger, string sandboxId, string handler, string reason);

    [LoggerMessage(209, LogLevel.Information, "{Folder} belongs to no record: removed")]
    public static partial void FolderSwept(ILogger logger, string folder);

    [LoggerMessage(211, LogLevel.Warning, "sandbox {SandboxId} publishes ports, but no plugin of CNI network {Network} has the capability portMappings: unless the network does it by itself, nothing is published")]
    public static partial void PortsNotAsked(ILogger logger, string sandboxId, string network);

    [LoggerMessage(212, LogLevel.Warning, "sandbox {SandboxId}: handler {Handler} takes long to take it over; calls for this pod wait for that, those for others do not")]
    public static partial void AdoptionTakesLong(ILogger logger, string sandboxId, string handler);

    [LoggerMessage(214, LogLevel.Warning, "sandbox {SandboxId}: handler {Handler} could not kill its containers ({Reason}); they end with the sandbox")]
    public static partial void NotKilled(ILogger logger, string sandboxId, string handler, string reason);

    [LoggerMessage(210, LogLevel.Debug, "a removal is still owed: {Reason}")]
    public static partial void StillOwed(ILogger logger, string reason);
}
