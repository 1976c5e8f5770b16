using System.CommandLine;

namespace Berth.Cli.Plugin;

internal static class ReleaseCommand
{
    public static Command Create()
    {
        var socket = CliOptions.Socket();
        var id = new Argument<string>("id") { Description = "The plugin, see `berth plugins`" };
        var command = new CliCommand(
            "release",
            "Lets go of all handlers of a plugin that are quarantined: new pods are started on them at once, and nothing is held against them.",
            "berth plugin release oci")
        { id, socket };
        command.Ask(socket, (client, result, cancellationToken) => client.ReleaseAsync(result.GetValue(id)!, cancellationToken), static (result, answer) =>
        {
            PluginsCommand.Show(result, answer, json: false);
            return CliAction.Success;
        });
        return command;
    }
}
