using System.Text;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Cli.Up;

/// <summary>
/// CNI's portmap plugin shares three chains between all pods of a node and leaves them when the last pod has gone
/// (https://www.cni.dev/plugins/current/meta/portmap/). Whoever made them for a while takes them away again.
/// </summary>
public static class NatChains
{
    private const int MaxRulesBytes = 64 * 1024 * 1024;
    private static readonly string[] Shared = ["CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-SETMARK", "CNI-HOSTPORT-MASQ"];

    /// <summary>Which of the shared chains exist.</summary>
    public static async Task<IReadOnlySet<string>> ReadAsync(CancellationToken cancellationToken) =>
        Chains(await SaveAsync("iptables", cancellationToken)).ToHashSet();

    /// <summary>Removes the shared chains, except where a pod still has a published port.</summary>
    public static async Task RemoveUnusedAsync(CancellationToken cancellationToken)
    {
        foreach (var family in (string[])["iptables", "ip6tables"])
        {
            var rules = await SaveAsync(family, cancellationToken);
            var chains = Chains(rules).ToList();
            // A pod's own chain is reached from here.
            if (chains.Count > 0 && !rules.Any(static r => r.StartsWith("-A CNI-HOSTPORT-DNAT ", StringComparison.Ordinal)))
            {
                await RestoreAsync(family, chains, rules, cancellationToken);
            }
        }
    }

    private static IEnumerable<string> Chains(IEnumerable<string> rules) =>
        Shared.Where(c => rules.Any(r => r.StartsWith($":{c} ", StringComparison.Ordinal)));

    private static async Task<string[]> SaveAsync(string family, CancellationToken cancellationToken)
    {
        var saved = await RunAsync(new Command { Path = family + "-save", Arguments = ["-t", "nat"] }, null, cancellationToken);
        return saved.Split('\n');
    }

    // One transaction: the rules that jump to the chains, then the chains themselves.
    private static async Task RestoreAsync(string family, List<string> chains, string[] rules, CancellationToken cancellationToken)
    {
        var text = new StringBuilder("*nat\n");
        foreach (var rule in rules.Where(r => r.StartsWith("-A ", StringComparison.Ordinal) && chains.Exists(c => r.EndsWith(" -j " + c, StringComparison.Ordinal))))
        {
            text.Append("-D ").Append(rule.AsSpan(3)).Append('\n');
        }

        chains.ForEach(c => text.Append("-F ").Append(c).Append('\n'));
        chains.ForEach(c => text.Append("-X ").Append(c).Append('\n'));
        text.Append("COMMIT\n");
        await RunAsync(new Command { Path = family + "-restore", Arguments = ["--noflush", "--wait"] }, text.ToString(), cancellationToken);
    }

    private static async Task<string> RunAsync(Command command, string? input, CancellationToken cancellationToken)
    {
        var result = await CommandRunner.RunAsync(command, input is null ? null : Encoding.UTF8.GetBytes(input), MaxRulesBytes, cancellationToken);
        return result.ExitCode == 0
            ? result.OutputText
            : throw new RuntimeException(RuntimeErrorCode.Internal, $"{command.Path} ended with {result.ExitCode}: {result.Error}");
    }
}
