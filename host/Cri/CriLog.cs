using Grpc.Core;

namespace Berth.Cri;

/// <summary>Log events 100 to 199.</summary>
internal static partial class CriLog
{
    [LoggerMessage(EventId = 100, Message = "{Method} {Subject}{OnHandler} done in {ElapsedMs:F1} ms")]
    public static partial void Succeeded(this ILogger logger, LogLevel level, string method, string subject, string onHandler, double elapsedMs);

    [LoggerMessage(EventId = 101, Message = "{Method} {Subject}{OnHandler} failed after {ElapsedMs:F1} ms: {Code}: {Reason}")]
    public static partial void Failed(this ILogger logger, LogLevel level, string method, string subject, string onHandler, double elapsedMs, StatusCode code, string reason);

    [LoggerMessage(EventId = 102, Level = LogLevel.Error, Message = "{Method} {Subject}{OnHandler} broke after {ElapsedMs:F1} ms")]
    public static partial void Broke(this ILogger logger, string method, string subject, string onHandler, double elapsedMs, Exception exception);

    [LoggerMessage(EventId = 103, Level = LogLevel.Information, Message = "pod CIDR {PodCidr} was announced; the CNI configuration decides on addresses")]
    public static partial void PodCidr(this ILogger logger, string podCidr);

    [LoggerMessage(EventId = 104, Level = LogLevel.Information, Message = "removed the stale socket {Path}")]
    public static partial void StaleSocketRemoved(this ILogger logger, string path);

    [LoggerMessage(EventId = 105, Level = LogLevel.Information, Message = "image {Image} is removed, and still used by {Containers}: its layers go with the last of them")]
    public static partial void RemovedInUse(this ILogger logger, string image, string containers);
}
