using System.CommandLine;
using System.Globalization;
using Berth.Admin.Protos;

namespace Berth.Cli;

internal static class PluginsCommand
{
    /// <summary>Said wherever plugins are shown.</summary>
    public const string UnsignedAllowed = "unsigned plugins are allowed (plugins.signatures.allowUnsigned)";

    private const int ShortDigest = 12;

    public static Command Create()
    {
        var socket = CliOptions.Socket();
        var json = CliOptions.Json();
        var command = new CliCommand(
            "plugins",
            "Lists every version of a plugin that is in force, drains or was refused, with its pods and the reason.",
            "berth plugins",
            "berth plugins --json")
        { socket, json };
        command.Ask(socket, static (client, _, cancellationToken) => client.ListPluginsAsync(cancellationToken), (result, answer) =>
        {
            Show(result, answer, result.GetValue(json));
            return CliAction.Success;
        });
        return command;
    }

    public static void Show(ParseResult result, ListPluginsResponse answer, bool json)
    {
        if (json)
        {
            CliOutput.Json(result, answer);
            return;
        }

        CliOutput.Table(result, ["PLUGIN", "VERSION", "STATE", "DIGEST", "ORIGIN", "SINCE", "HANDLERS", "PODS", "PID", "MEMORY", "RESTARTS", "FOLDER", "REASON"], answer.Plugins.Select(Row));
        CliOutput.Line(result, "");
        CliOutput.Line(result, $"generation {answer.Generation.ToString(CultureInfo.InvariantCulture)}");
        if (answer.AllowUnsigned)
        {
            CliOutput.Line(result, UnsignedAllowed);
        }

        if (answer.ConfigurationProblem.Length > 0)
        {
            CliOutput.Line(result, $"the configuration is not in force: {answer.ConfigurationProblem}");
        }

        if (answer.RestartKeys.Count > 0)
        {
            CliOutput.Line(result, $"in force after a restart of the gateway: {string.Join(", ", answer.RestartKeys)}");
        }
    }

    /// <summary>Whether something is not in force that should be.</summary>
    public static bool HasProblem(ListPluginsResponse answer) =>
        answer.ConfigurationProblem.Length > 0 || answer.Plugins.Any(static p => p.State is "Failed" or "Incompatible");

    private static string[] Row(PluginRow plugin) =>
    [
        plugin.Id,
        plugin.Version.Length > 0 ? plugin.Version : "-",
        plugin.State,
        plugin.Digest.Length > 0 ? plugin.Digest[..ShortDigest] : "-",
        plugin.Origin.Length > 0 ? plugin.Origin : "-",
        plugin.Generation > 0 ? plugin.Generation.ToString(CultureInfo.InvariantCulture) : "-",
        plugin.Handlers.Count > 0 ? string.Join(", ", plugin.Handlers) : "-",
        plugin.Pods.ToString(CultureInfo.InvariantCulture),
        plugin.Pid > 0 ? plugin.Pid.ToString(CultureInfo.InvariantCulture) : "-",
        plugin.Pid > 0 ? string.Create(CultureInfo.InvariantCulture, $"{plugin.MemoryBytes >> 20} MiB") : "-",
        plugin.Pid > 0 || plugin.Restarts > 0 ? plugin.Restarts.ToString(CultureInfo.InvariantCulture) : "-",
        plugin.Folder,
        plugin.Reason,
    ];
}
