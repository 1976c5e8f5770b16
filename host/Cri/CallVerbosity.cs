using Grpc.Core;

namespace Berth.Cri;

/// <summary>How loud a call is in the log. A kubelet lists once a second and probes every few: only what changes something is news.</summary>
internal static class CallVerbosity
{
    public static LogLevel LevelOf(string method) => IsRoutine(method) ? LogLevel.Debug : LogLevel.Information;

    public static LogLevel LevelOfFailure(string method, StatusCode code) => code switch
    {
        StatusCode.Cancelled or StatusCode.Unimplemented => LogLevel.Debug,
        // A kubelet asks for what it has just removed.
        StatusCode.NotFound when IsRoutine(method) => LogLevel.Debug,
        _ => LogLevel.Warning,
    };

    private static bool IsRoutine(string method) =>
        method.StartsWith("List", StringComparison.Ordinal)
        || method.StartsWith("Stream", StringComparison.Ordinal)
        || method.EndsWith("Status", StringComparison.Ordinal)
        || method.EndsWith("Stats", StringComparison.Ordinal)
        || method is "Version" or "RuntimeConfig" or "ImageFsInfo" or "ExecSync";
}
