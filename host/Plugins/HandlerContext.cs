using Berth.Abstractions;

namespace Berth.Plugins;

/// <summary>What a handler gets of the gateway.</summary>
internal sealed class HandlerContext(string handler, GivenIds given, HandlerStateStore store, ILoggerFactory loggers) : IHandlerContext
{
    public IPluginLog Log { get; } = new HandlerLog(handler, loggers.CreateLogger($"Berth.Plugins.Handler.{handler}"));

    public Task SaveStateAsync(string id, StateRecord state, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!given.Contains(id))
        {
            throw RuntimeException.InvalidArgument($"{id} is no sandbox or container of handler {handler}");
        }

        store.Save(id, state);
        return Task.CompletedTask;
    }
}

/// <summary>A plugin's log lines in the gateway's log.</summary>
internal sealed class HandlerLog(string handler, ILogger logger) : IPluginLog
{
    private const int LongestLine = 4096;

    public void Write(PluginLogLevel level, string message)
    {
        var logLevel = Level(level);
        if (logger.IsEnabled(logLevel))
        {
            // One call is one line, whatever a plugin passes on from a runtime.
            var line = message[..Math.Min(message.Length, LongestLine)].ReplaceLineEndings(" ");
            PluginsLog.HandlerLine(logger, logLevel, handler, line);
        }
    }

    private static LogLevel Level(PluginLogLevel level) => level switch
    {
        PluginLogLevel.Debug => LogLevel.Debug,
        PluginLogLevel.Information => LogLevel.Information,
        PluginLogLevel.Warning => LogLevel.Warning,
        _ => LogLevel.Error,
    };
}
