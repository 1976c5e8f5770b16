using Berth.Abstractions;
using Berth.Configuration;

namespace Berth.Cli.Plugin;

internal static class PluginName
{
    /// <summary>An id becomes part of paths.</summary>
    /// <exception cref="RuntimeException">It is none.</exception>
    public static string Demand(string id) =>
        HandlerNames.IsValid(id) ? id : throw RuntimeException.InvalidArgument($"'{id}' is no plugin's id: {HandlerNames.Rule}");
}
