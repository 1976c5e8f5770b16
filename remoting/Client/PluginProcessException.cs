namespace Berth.Remoting.Client;

/// <summary>A fault of the plugin: it threw what it must not, broke the protocol, or its process ended within a call.</summary>
public sealed class PluginProcessException(string message, Exception? innerException = null) : Exception(message, innerException);
