namespace Berth.Containers;

internal static partial class ContainerLog
{
    [LoggerMessage(300, LogLevel.Warning, "container {ContainerId} on {Handler} failed ({Failure}) and could not be undone whole; it is retried in the background")]
    public static partial void UndoFailed(ILogger logger, string containerId, string handler, string failure, Exception exception);

    [LoggerMessage(301, LogLevel.Information, "container {ContainerId} on {Handler} ended with {ExitCode} ({Reason})")]
    public static partial void Exited(ILogger logger, string containerId, string handler, int exitCode, string reason);

    [LoggerMessage(302, LogLevel.Warning, "container {ContainerId} on {Handler}: removal is owed: {Reason}")]
    public static partial void Owed(ILogger logger, string containerId, string handler, string reason);

    [LoggerMessage(303, LogLevel.Warning, "container {ContainerId} on {Handler} did not end {Seconds} s after SIGKILL")]
    public static partial void Survived(ILogger logger, string containerId, string handler, double seconds);

    [LoggerMessage(304, LogLevel.Warning, "container {ContainerId} was not adopted by handler {Handler}: {Reason}")]
    public static partial void NotAdopted(ILogger logger, string containerId, string handler, string reason);

    [LoggerMessage(305, LogLevel.Warning, "the copy of image {ImageId} in the store of handler {Handler} could not be released: {Reason}; it is tried again")]
    public static partial void CopyOwed(ILogger logger, string imageId, string handler, string reason);

    [LoggerMessage(306, LogLevel.Warning, "the checkpoint of {Subject} was cut off by the end of the gateway; what was written is removed")]
    public static partial void CheckpointCutOff(ILogger logger, string subject);
}
