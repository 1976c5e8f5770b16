namespace Berth.Plugins;

internal static partial class PluginsLog
{
    [LoggerMessage(EventId = 400, EventName = "HandlerLine", Message = "{Handler}: {Line}")]
    public static partial void HandlerLine(ILogger logger, LogLevel level, string handler, string line);

    [LoggerMessage(401, LogLevel.Information, "Plugin {Plugin} {Version} from {Folder}", EventName = "PluginLoaded")]
    public static partial void PluginLoaded(ILogger logger, string plugin, string version, string folder);

    [LoggerMessage(412, LogLevel.Warning, "Plugin {Plugin} {Version} in {Folder} is signed by no listed key; it is taken, as plugins.signatures.allowUnsigned says", EventName = "PluginUnsigned")]
    public static partial void PluginUnsigned(ILogger logger, string plugin, string version, string folder);

    [LoggerMessage(413, LogLevel.Warning, "the cgroup {Cgroup} of plugins' processes stays for now: {Reason}", EventName = "CgroupStays")]
    public static partial void CgroupStays(ILogger logger, string cgroup, string reason);

    [LoggerMessage(402, LogLevel.Error, "Plugin {Plugin} in {Folder} is {State}: {Reason}", EventName = "PluginRejected")]
    public static partial void PluginRejected(ILogger logger, string plugin, string folder, PluginState state, string reason);

    [LoggerMessage(403, LogLevel.Information, "Plugin {Plugin} in {Folder} is not used: {Reason}", EventName = "PluginNotUsed")]
    public static partial void PluginNotUsed(ILogger logger, string plugin, string folder, string reason);

    [LoggerMessage(404, LogLevel.Error, "Handler {Handler} of plugin {Plugin} failed: {Reason}", EventName = "HandlerFailed")]
    public static partial void HandlerFailed(ILogger logger, string handler, string plugin, string reason);

    [LoggerMessage(405, LogLevel.Information, "Handler {Handler} is ready: {Version}", EventName = "HandlerReady")]
    public static partial void HandlerReady(ILogger logger, string handler, string version);

    [LoggerMessage(406, LogLevel.Warning, "Handler {Handler} is not ready: {Reason}", EventName = "HandlerNotReady")]
    public static partial void HandlerNotReady(ILogger logger, string handler, string reason);

    [LoggerMessage(EventId = 408, EventName = "PluginProcess", Message = "Plugin {Plugin}: {Line}")]
    public static partial void PluginProcess(ILogger logger, LogLevel level, string plugin, string line);

    [LoggerMessage(409, LogLevel.Information, "Plugin {Plugin} runs in process {Pid}, cgroup {Cgroup}", EventName = "PluginProcessStarted")]
    public static partial void PluginProcessStarted(ILogger logger, string plugin, int? pid, string cgroup);

    [LoggerMessage(407, LogLevel.Error, "Plugin {Plugin} failed in {Verb} of handler {Handler}", EventName = "PluginFault")]
    public static partial void PluginFault(ILogger logger, Exception exception, string plugin, string verb, string handler);

    [LoggerMessage(408, LogLevel.Information, "Handler {Handler} of plugin {Plugin} {Version} drains: {Reason}", EventName = "HandlerDrains")]
    public static partial void HandlerDrains(ILogger logger, string handler, string plugin, string version, string reason);

    [LoggerMessage(409, LogLevel.Information, "Plugin {Plugin} {Version} has no pods left and is unloaded", EventName = "PluginUnloaded")]
    public static partial void PluginUnloaded(ILogger logger, string plugin, string version);

    [LoggerMessage(410, LogLevel.Warning, "Plugin {Plugin} {Version} was let go of, but something of it holds on and keeps it in memory", EventName = "PluginHoldsOn")]
    public static partial void PluginHoldsOn(ILogger logger, string plugin, string version);

    [LoggerMessage(412, LogLevel.Error, "Handler {Handler} of plugin {Plugin} {Version} is {Reason}", EventName = "Quarantined")]
    public static partial void Quarantined(ILogger logger, string handler, string plugin, string version, string reason);

    [LoggerMessage(413, LogLevel.Warning, "Handler {Handler} of plugin {Plugin} {Version} is not quarantined any more: {Reason}", EventName = "Released")]
    public static partial void Released(ILogger logger, string handler, string plugin, string version, string reason);

    [LoggerMessage(414, LogLevel.Warning, "Plugin {Plugin} {Version} could not be unloaded: {Reason}", EventName = "PluginNotUnloaded")]
    public static partial void PluginNotUnloaded(ILogger logger, string plugin, string version, string reason);

    [LoggerMessage(411, LogLevel.Warning, "Handler {Handler} of plugin {Plugin} {Version} could not be let go of: {Reason}", EventName = "HandlerNotDisposed")]
    public static partial void HandlerNotDisposed(ILogger logger, string handler, string plugin, string version, string reason);
}
