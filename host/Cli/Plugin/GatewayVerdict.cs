using System.Globalization;
using Berth.Admin;
using Berth.Admin.Protos;
using Berth.Plugins;

namespace Berth.Cli.Plugin;

/// <summary>What the running gateway says to a change of the plugins folders.</summary>
/// <param name="Refusal">Why it does not take it; null if it does, or if none runs.</param>
/// <param name="Lines">To be printed.</param>
internal sealed record GatewayVerdict(string? Refusal, IReadOnlyList<string> Lines)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Lets the gateway look, and waits for what it makes of it; null if none runs.</summary>
    public static async Task<ListPluginsResponse?> ReloadAsync(string socket, CancellationToken cancellationToken)
    {
        try
        {
            using var client = new AdminClient(socket);
            return await client.ReloadAsync(cancellationToken);
        }
        catch (AdminException e) when (e.IsAbsent)
        {
            return null;
        }
    }

    /// <summary>Of a version that was put in place.</summary>
    /// <param name="socket">The gateway's.</param>
    /// <param name="id">The plugin.</param>
    /// <param name="folder">Where the gateway finds it.</param>
    /// <param name="print">How the digest of its folder begins.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<GatewayVerdict> AskAsync(string socket, string id, string folder, string print, CancellationToken cancellationToken)
    {
        if (await ReloadAsync(socket, cancellationToken) is not { } answer)
        {
            return new(null, [$"no gateway listens at {socket}: it comes into force with the next start of one"]);
        }

        var row = answer.Plugins.FirstOrDefault(p => p.Folder == folder && p.Digest.StartsWith(print, StringComparison.Ordinal) && p.State != "Draining")
            ?? answer.Plugins.FirstOrDefault(p => p.Folder == folder && p.Digest.Length == 0);
        return row switch
        {
            null => new($"it does not look at {folder}; is that one of its plugins.folders?", []),
            { State: "Failed" or "Incompatible" or "Quarantined" } => new(row.Reason, []),
            { State: "Disabled" } => new(null, [$"the gateway does not use it: {row.Reason}"]),
            _ => new(null, [$"the gateway has it in force, generation {answer.Generation.ToString(CultureInfo.InvariantCulture)}", .. Older(id, answer), .. await HandlersAsync(socket, id, cancellationToken)]),
        };
    }

    /// <summary>That pods of a plugin go on without it being there for new ones; null if there are none.</summary>
    public static string? StillRunning(ListPluginsResponse? answer, string id) =>
        answer?.Plugins.Where(p => p.Id == id).Sum(static p => p.Pods) is > 0 and var pods ? $"{Pods(pods, "of it run", "of it runs")} on, to the end" : null;

    private static string Pods(long count, string many, string one) =>
        count == 1 ? $"1 pod {one}" : string.Create(CultureInfo.InvariantCulture, $"{count} pods {many}");

    private static IEnumerable<string> Older(string id, ListPluginsResponse answer) =>
        answer.Plugins.Where(p => p is { State: "Draining", Pods: > 0 } && p.Id == id)
            .Select(static p => $"{Pods(p.Pods, "stay", "stays")} with version {p.Version}, to the end");

    // The gateway has a version in force while the first check of a handler that is new goes on; it gives up one that hangs.
    private static async Task<IEnumerable<string>> HandlersAsync(string socket, string id, CancellationToken cancellationToken)
    {
        using var client = new AdminClient(socket);
        while (true)
        {
            var handlers = (await client.ListHandlersAsync(cancellationToken)).Handlers.Where(h => h.Plugin == id).ToList();
            if (!handlers.Exists(static h => h is { State: nameof(PluginState.NotReady), CheckedAt: 0 }))
            {
                return handlers.Select(static h => h.Ready ? $"handler {h.Name} is ready: {h.RuntimeVersion}" : $"handler {h.Name} is {h.State}: {h.Reason}");
            }

            await Task.Delay(Pause, cancellationToken);
        }
    }
}
