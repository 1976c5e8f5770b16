using System.CommandLine;
using Berth.Packages;

namespace Berth.Cli.Plugin;

internal static class InstallCommand
{
    public static Command Create()
    {
        var source = new Argument<string>("source") { Description = "An archive of `berth plugin pack`, or a plugin's folder" };
        var place = new PlaceOptions();
        var command = new CliCommand(
            "install",
            "Installs a plugin, or another version of one, beside what is there, and switches to it in one step. A running gateway loads it at once; "
            + "if it refuses it, the earlier version is put back, and the exit code is 1.",
            "berth plugin install acme-1.1.0.tar.gz",
            "berth plugin install ./out --folder /var/lib/berth/plugins")
        { source };
        place.AddTo(command);
        command.Do(async (result, cancellationToken) =>
        {
            var where = place.Read(result);
            Directory.CreateDirectory(where.Target, VersionFolder.RootWrites);
            using var change = new PluginChange(where.Options.Plugins, where.Target, TimeProvider.System);
            var done = await change.InstallAsync(Path.GetFullPath(result.GetValue(source)!), cancellationToken);
            return await PlacedPlugin.SettleAsync(result, where, change, done, isInstall: true, cancellationToken);
        });
        return command;
    }
}
