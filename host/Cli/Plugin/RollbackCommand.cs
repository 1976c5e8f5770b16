using System.CommandLine;
using Berth.Packages;

namespace Berth.Cli.Plugin;

internal static class RollbackCommand
{
    public static Command Create()
    {
        var id = new Argument<string>("id") { Description = "The plugin" };
        var to = new Option<string?>("--to") { Description = "A kept version; by default the one before the newest", HelpName = "VERSION" };
        var place = new PlaceOptions();
        var command = new CliCommand(
            "rollback",
            "Puts the version before the newest back. Where it is in place already nothing happens: --to goes further back, or forward again. "
            + "`berth plugin list` shows which versions are kept.",
            "berth plugin rollback acme",
            "berth plugin rollback acme --to 1.0.0")
        { id, to };
        place.AddTo(command);
        command.Do(async (result, cancellationToken) =>
        {
            var where = place.Read(result);
            using var change = new PluginChange(where.Options.Plugins, where.Target, TimeProvider.System);
            var done = change.Rollback(PluginName.Demand(result.GetValue(id)!), result.GetValue(to));
            return await PlacedPlugin.SettleAsync(result, where, change, done, isInstall: false, cancellationToken);
        });
        return command;
    }
}
