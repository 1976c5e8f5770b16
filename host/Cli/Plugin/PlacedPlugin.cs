using System.CommandLine;
using Berth.Abstractions;
using Berth.Admin;
using Berth.Packages;

namespace Berth.Cli.Plugin;

/// <summary>The second half of an installation and of a rollback: what the gateway says to it, and what is done then.</summary>
internal static class PlacedPlugin
{
    public static async Task<int> SettleAsync(
        ParseResult result, PluginPlace place, PluginChange change, PluginChanged done, bool isInstall, CancellationToken cancellationToken)
    {
        var name = $"{done.Id} {done.Version.Version}";
        GatewayVerdict verdict;
        try
        {
            verdict = await GatewayVerdict.AskAsync(place.Socket, done.Id, change.LinkOf(done.Id), done.Version.Print, cancellationToken);
        }
        catch (AdminException e)
        {
            throw RuntimeException.Unavailable($"{name} is in {change.LinkOf(done.Id)}, but the gateway did not say whether it takes it: {e.Message}; `berth plugins` shows it");
        }

        if (verdict.Refusal is { } reason)
        {
            change.Undo(done, isInstall);
            var now = !done.IsNew ? "nothing was changed" : done.Before is { } before ? $"{before.Version} is in place again" : "it is not installed";
            // So that what it shows is what there is.
            await GatewayVerdict.ReloadAsync(place.Socket, cancellationToken);
            throw RuntimeException.FailedPrecondition($"the gateway refuses {name}: {reason}; {now}");
        }

        change.Finish(done, isInstall);
        var what = !done.IsNew ? "was there already" : done.Before is { } earlier ? $"is in the place of {earlier.Version}" : "is installed";
        CliOutput.Line(result, $"{name} {what}: {change.LinkOf(done.Id)}, {done.Origin}");
        foreach (var line in verdict.Lines)
        {
            CliOutput.Line(result, line);
        }

        return CliAction.Success;
    }
}
