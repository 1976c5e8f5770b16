using System.Collections;
using Berth.Configuration;
using Berth.Plugins;

namespace Berth.Cli;

/// <summary>Loads the configuration as <c>serve</c> does: file, this process's environment, flags.</summary>
internal static class CliConfiguration
{
    public static BerthOptions Load(string? file, IReadOnlyDictionary<string, string> flags) => ConfigurationLoader.Load(new()
    {
        File = file,
        Environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .ToDictionary(static e => (string)e.Key, static e => (string?)e.Value ?? ""),
        Flags = flags,
        OfferedHandlers = PluginCatalog.OfferedHandlers,
    });
}
