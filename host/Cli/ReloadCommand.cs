using System.CommandLine;

namespace Berth.Cli;

internal static class ReloadCommand
{
    public static Command Create()
    {
        var socket = CliOptions.Socket();
        var json = CliOptions.Json();
        var command = new CliCommand(
            "reload",
            "Brings plugins.json and the plugin folders into force now; status 1 if something of them is refused.",
            "berth reload")
        { socket, json };
        command.Ask(socket, static (client, _, cancellationToken) => client.ReloadAsync(cancellationToken), (result, answer) =>
        {
            PluginsCommand.Show(result, answer, result.GetValue(json));
            return PluginsCommand.HasProblem(answer) ? CliAction.Failure : CliAction.Success;
        });
        return command;
    }
}
