namespace Berth.Metrics;

internal static partial class MetricsLog
{
    [LoggerMessage(800, LogLevel.Information, "metrics are served at http://{Listen}/metrics")]
    public static partial void Serving(ILogger log, string listen);

    [LoggerMessage(802, LogLevel.Warning, "what container {Container} has written is not measured: {Reason}")]
    public static partial void LayerNotMeasured(ILogger log, string container, string reason);

    [LoggerMessage(801, LogLevel.Warning, "metrics are not served at {Listen}: {Reason}; correct metrics.listen, or leave it empty for none")]
    public static partial void NotServing(ILogger log, string listen, string reason);
}
