using System.CommandLine;
using Berth.Configuration;

namespace Berth.Cli;

/// <summary>Options that several commands have.</summary>
internal static class CliOptions
{
    public static Option<string> Socket() => new("--socket")
    {
        Description = "The gateway's socket",
        HelpName = "unix:///PATH",
        DefaultValueFactory = static _ => new GatewayOptions().Listen,
    };

    public static Option<bool> Json() => new("--json") { Description = "Prints JSON instead of a table" };

    public static Option<string?> Config(string description) => new("--config") { Description = description, HelpName = "plugins.json" };
}
