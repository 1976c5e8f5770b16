using Microsoft.Extensions.Logging.Console;

namespace Berth;

/// <summary>One line an event on standard error: time, level, where, what. Under systemd the journal adds its own time.</summary>
internal static class GatewayLogging
{
    public static void Configure(ILoggingBuilder logging)
    {
        logging.ClearProviders();
        logging.SetMinimumLevel(LogLevel.Information);
        logging.AddFilter("Microsoft", LogLevel.Warning);
        logging.AddFilter("Grpc", LogLevel.Warning);
        logging.AddSimpleConsole(static options =>
        {
            options.SingleLine = true;
            options.ColorBehavior = LoggerColorBehavior.Disabled;
            options.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffzzz ";
        });
        logging.Services.Configure<ConsoleLoggerOptions>(static options => options.LogToStandardErrorThreshold = LogLevel.Trace);
    }
}

internal static partial class GatewayLog
{
    [LoggerMessage(1, LogLevel.Information, "serving CRI v1 and berth.v1.Admin on {Listen}")]
    public static partial void Serving(ILogger logger, string listen);
}
