using System.CommandLine;
using Berth.Packages;

namespace Berth.Cli.Plugin;

internal static class RemoveCommand
{
    public static Command Create()
    {
        var id = new Argument<string>("id") { Description = "The plugin" };
        var place = new PlaceOptions();
        var command = new CliCommand(
            "remove",
            "Removes a plugin and all kept versions of it. Its pods run on under a running gateway, and can be stopped and removed; new ones are refused. "
            + "One that is not there is success.",
            "berth plugin remove acme")
        { id };
        place.AddTo(command);
        command.Do(async (result, cancellationToken) =>
        {
            var (where, name) = (place.Read(result), PluginName.Demand(result.GetValue(id)!));
            using var change = new PluginChange(where.Options.Plugins, where.Target, TimeProvider.System);
            CliOutput.Line(result, change.Remove(name) ? $"{name} is removed from {where.Target}" : $"there is no plugin {name} in {where.Target}");
            if (GatewayVerdict.StillRunning(await GatewayVerdict.ReloadAsync(where.Socket, cancellationToken), name) is { } pods)
            {
                CliOutput.Line(result, pods);
            }

            return CliAction.Success;
        });
        return command;
    }
}
