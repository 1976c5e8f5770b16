using System.CommandLine;
using Berth.Abstractions;
using Berth.Plugins;

namespace Berth.Cli.Plugin;

internal static class EnableCommand
{
    public static Command Create()
    {
        var id = new Argument<string>("id") { Description = "The plugin" };
        var place = new PlaceOptions();
        var command = new CliCommand(
            "enable", "Switches a plugin on again that `berth plugin disable` has switched off; exit code 1 if the gateway does not take it.", "berth plugin enable acme")
        { id };
        place.AddTo(command);
        command.Do(async (result, cancellationToken) =>
        {
            var (where, name) = (place.Read(result), PluginName.Demand(result.GetValue(id)!));
            DisabledPlugins.Remove(where.Folders, name);
            var answer = await GatewayVerdict.ReloadAsync(where.Socket, cancellationToken);
            var rows = answer?.Plugins.Where(p => p.Id == name).ToList() ?? [];
            if (rows.Find(static p => p.State is "Failed" or "Incompatible") is { } refused && !rows.Exists(static p => p.State == "Active"))
            {
                throw RuntimeException.FailedPrecondition($"{name} is enabled, but the gateway refuses it: {refused.Reason}");
            }

            CliOutput.Line(result, answer is null ? $"{name} is enabled; no gateway listens at {where.Socket}"
                : rows.Find(static p => p.State == "Active") is { } row ? $"{name} is enabled; the gateway has version {row.Version} in force"
                : rows is [var other, ..] ? $"{name} is enabled; the gateway says {other.State}: {other.Reason}"
                : $"{name} is enabled; the gateway has no such plugin");
            return CliAction.Success;
        });
        return command;
    }
}
