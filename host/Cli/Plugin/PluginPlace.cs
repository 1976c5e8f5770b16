using System.CommandLine;
using Berth.Abstractions;
using Berth.Configuration;
using Berth.Plugins.Remote;

namespace Berth.Cli.Plugin;

/// <summary>Options of the commands that change what is installed: which configuration, which folder, which gateway.</summary>
internal sealed class PlaceOptions
{
    private const string Installed = "/etc/berth/plugins.json";

    public Option<string?> Config { get; } = CliOptions.Config($"The gateway's configuration; {Installed} by default");

    public Option<string?> Folder { get; } = new("--folder")
    {
        Description = "The plugins folder; by default the last of plugins.folders that is not Berth's own",
        HelpName = "DIR",
    };

    public Option<string?> Socket { get; } = new("--socket") { Description = "The gateway's socket; by default the configuration's", HelpName = "unix:///PATH" };

    public void AddTo(Command command)
    {
        command.Add(Config);
        command.Add(Folder);
        command.Add(Socket);
    }

    public PluginPlace Read(ParseResult result)
    {
        var options = CliConfiguration.Load(result.GetValue(Config) ?? (File.Exists(Installed) ? Installed : null), new Dictionary<string, string>());
        var given = result.GetValue(Folder);
        return new(options, given is null ? null : Path.GetFullPath(given), result.GetValue(Socket) ?? options.Gateway.Listen);
    }
}

/// <summary>Where plugins are installed, and the gateway that is told.</summary>
internal sealed record PluginPlace(BerthOptions Options, string? Given, string Socket)
{
    /// <summary>Folders in which plugins may be, in the order in which they count.</summary>
    public IReadOnlyList<string> Folders => Given is null || Options.Plugins.Folders.Contains(Given) ? Options.Plugins.Folders : [.. Options.Plugins.Folders, Given];

    /// <summary>Where plugins are installed.</summary>
    /// <exception cref="RuntimeException">There is no such folder.</exception>
    public string Target => Foreign
        ?? throw RuntimeException.FailedPrecondition("plugins.folders names no folder but that of Berth's own plugins; add one, such as /var/lib/berth/plugins, or name it with --folder");

    /// <summary>Where it is written down that a plugin is switched off.</summary>
    public string SwitchFolder => Foreign
        ?? (Options.Plugins.Folders is [var own, ..] ? own : throw RuntimeException.FailedPrecondition("plugins.folders names no folder"));

    // Where others' plugins are.
    private string? Foreign => Given ?? Options.Plugins.Folders.LastOrDefault(static f => !IsOwn(f));

    private static bool IsOwn(string folder) => IsolationChoice.IsShipped(Path.Combine(folder, "id"));
}
