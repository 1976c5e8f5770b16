using System.CommandLine;
using Berth.Admin;
using Berth.Admin.Protos;
using Berth.Packages;

namespace Berth.Cli.Plugin;

internal static class ListCommand
{
    public static Command Create()
    {
        var place = new PlaceOptions();
        var json = CliOptions.Json();
        var command = new CliCommand(
            "list",
            "Lists the plugins that are installed, who has signed them, and which versions are kept to go back to; the state comes from the gateway, if one runs.",
            "berth plugin list",
            "berth plugin list --json")
        { json };
        place.AddTo(command);
        command.Do(async (result, cancellationToken) =>
        {
            var where = place.Read(result);
            var answer = await AskAsync(where.Socket, cancellationToken);
            var installed = new InstalledPlugins
            {
                Plugins = { Inventory.Read(where.Options.Plugins, where.Folders, TimeProvider.System).Select(p => Merge(p, answer)) },
                Gateway = answer is not null,
                AllowUnsigned = where.Options.Plugins.Signatures.AllowUnsigned,
            };
            if (result.GetValue(json))
            {
                CliOutput.Json(result, installed);
            }
            else
            {
                Show(result, installed, where.Socket);
            }

            return CliAction.Success;
        });
        return command;
    }

    private static async Task<ListPluginsResponse?> AskAsync(string socket, CancellationToken cancellationToken)
    {
        try
        {
            using var client = new AdminClient(socket);
            return await client.ListPluginsAsync(cancellationToken);
        }
        catch (AdminException e) when (e.IsAbsent)
        {
            return null;
        }
    }

    private static InstalledPlugin Merge(InventoryItem item, ListPluginsResponse? answer)
    {
        var row = answer?.Plugins.FirstOrDefault(p => p.Folder == item.Folder && p.Version == item.Version && p.State != "Draining");
        return new()
        {
            Id = item.Id,
            Version = item.Version,
            Folder = item.Folder,
            Origin = item.Origin,
            State = row?.State ?? (item.DisabledBy is null ? "" : "Disabled"),
            Reason = row?.Reason is { Length: > 0 } reason ? reason : item.DisabledBy ?? item.Refusal,
            Kept = { item.Kept },
            RollbackTo = item.RollbackTo,
        };
    }

    private static void Show(ParseResult result, InstalledPlugins installed, string socket)
    {
        CliOutput.Table(result, ["PLUGIN", "VERSION", "STATE", "ORIGIN", "KEPT", "ROLLBACK TO", "FOLDER", "REASON"], installed.Plugins.Select(static p => new[]
        {
            p.Id, Or(p.Version), Or(p.State), Or(p.Origin), Or(string.Join(", ", p.Kept)), Or(p.RollbackTo), p.Folder, p.Reason,
        }));
        CliOutput.Line(result, "");
        if (!installed.Gateway)
        {
            CliOutput.Line(result, $"no gateway listens at {socket}");
        }

        if (installed.AllowUnsigned)
        {
            CliOutput.Line(result, PluginsCommand.UnsignedAllowed);
        }
    }

    private static string Or(string text) => text.Length > 0 ? text : "-";
}
