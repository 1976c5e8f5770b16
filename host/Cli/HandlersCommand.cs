using System.CommandLine;
using Berth.Admin.Protos;

namespace Berth.Cli;

internal static class HandlersCommand
{
    public static Command Create()
    {
        var socket = CliOptions.Socket();
        var json = CliOptions.Json();
        var command = new CliCommand(
            "handlers",
            "Lists handlers and plugins; where one is not ready, the reason.",
            "berth handlers",
            "berth handlers --json")
        { socket, json };
        command.Ask(socket, static (client, _, cancellationToken) => client.ListHandlersAsync(cancellationToken), (result, answer) =>
        {
            if (result.GetValue(json))
            {
                CliOutput.Json(result, answer);
            }
            else
            {
                Print(result, answer);
            }

            return CliAction.Success;
        });
        return command;
    }

    private static void Print(ParseResult result, ListHandlersResponse answer)
    {
        CliOutput.Table(result, ["HANDLER", "PLUGIN", "STATE", "VERSION OR REASON", "FEATURES"], answer.Handlers.Select(static h => new[]
        {
            h.IsDefault ? $"{h.Name} (default)" : h.Name,
            h.Plugin,
            h.Ready ? "ready" : h.State == "NotReady" ? "not ready" : h.State.ToLowerInvariant(),
            h.Ready ? h.RuntimeVersion : h.Reason,
            h.Features.Count > 0 ? string.Join(", ", h.Features) : "-",
        }));
        CliOutput.Line(result, "");
        CliOutput.Table(result, ["PLUGIN", "VERSION", "STATE", "FOLDER", "REASON"], answer.Plugins.Select(static p => new[]
        {
            p.Id, p.Version, p.State, p.Folder, p.Reason,
        }));
    }
}
