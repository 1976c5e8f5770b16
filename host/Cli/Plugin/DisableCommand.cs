using System.CommandLine;
using Berth.Plugins;

namespace Berth.Cli.Plugin;

internal static class DisableCommand
{
    public static Command Create()
    {
        var id = new Argument<string>("id") { Description = "The plugin; one of Berth's own too" };
        var reason = new Option<string?>("--reason") { Description = "Shown to whoever asks for one of its handlers", HelpName = "TEXT" };
        var place = new PlaceOptions();
        var command = new CliCommand(
            "disable",
            "Switches a plugin off, over restarts and new versions: no new pods are started on its handlers, and those that run stay until they end. "
            + "A running gateway does it at once.",
            """berth plugin disable acme --reason "CVE-2026-1234, see the wiki" """.TrimEnd(),
            "berth plugin enable acme")
        { id, reason };
        place.AddTo(command);
        command.Do(async (result, cancellationToken) =>
        {
            var (where, name) = (place.Read(result), PluginName.Demand(result.GetValue(id)!));
            DisabledPlugins.Add(where.SwitchFolder, name, result.GetValue(reason));
            var answer = await GatewayVerdict.ReloadAsync(where.Socket, cancellationToken);
            CliOutput.Line(result, answer is null ? $"{name} is disabled; no gateway listens at {where.Socket}"
                : answer.Plugins.All(p => p.Id != name) ? $"{name} is disabled; the gateway has no such plugin"
                : GatewayVerdict.StillRunning(answer, name) is { } pods ? $"{name} is disabled; {pods}"
                : $"{name} is disabled");
            return CliAction.Success;
        });
        return command;
    }
}
