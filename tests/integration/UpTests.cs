using System.Globalization;
using System.Text.RegularExpressions;
using Berth.Linux;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>The demo tells truly whether it worked.</summary>
public sealed partial class UpTests(Suite suite)
{
    // The namespaces are its own, so no other demo on the machine is in its way; what it leaves in them is told at the end. What CRIU has found
    // out about the kernel it keeps for its next run, whoever runs it.
    private const string Script = """
        mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib && ip link set lo up || exit 90
        state() {
          iptables-save | grep '^-A'
          find /run /var/lib -name '*berth*' -o -path '/var/lib/*' -o '!' -type d '!' -path /run/criu.kdat
          ip -o link | cut -d: -f2
          cat /proc/sys/net/ipv4/ip_forward
          cut -d' ' -f2 /proc/self/mounts
        }
        state > "$0/before"
        "$@"; code=$?
        state > "$0/after"
        exit "$code"
        """;

    private static readonly TimeSpan Limit = Patience.Of(TimeSpan.FromMinutes(5));

    [Fact]
    public async Task Once_OnHandlersThatWork_HasARowForEachAndLeavesNothing()
    {
        string[] handlers = ["runc", "crun", "shim-v2", "rkt"];
        foreach (var handler in handlers)
        {
            await suite.RequireAsync(handler);
        }

        var (code, rows, output, left) = await RunAsync(string.Join(',', handlers));
        Assert.True(code == 0, $"it ended with {code}:\n{output}");
        Assert.Equal(handlers.Order(), rows.Keys.Order());
        foreach (var row in rows.Values)
        {
            Assert.Matches(@"^\d+\.\d+\.\d+\.\d+$", row.Groups["ip"].Value);
            Assert.Equal(File.ReadAllText("/proc/sys/kernel/osrelease").Trim(), row.Groups["kernel"].Value);
            Assert.True(Number(row, "seconds") > 0 && Number(row, "helpers") > 0, output);
        }

        Assert.True(left.Count == 0, $"it left: {string.Join('\n', left)}");
    }

    [Fact]
    public async Task Once_WithOneThatCannotWork_FailsAndSaysWhy()
    {
        var (code, rows, output, left) = await RunAsync("runc,docker");
        Assert.True(code == 1, $"it ended with {code}:\n{output}");
        Assert.True(Number(rows["runc"], "seconds") > 0, output);
        Assert.Equal("-", rows["docker"].Groups["seconds"].Value);
        Assert.Matches("^not ready: .*the Docker Engine does not answer", rows["docker"].Groups["why"].Value);
        Assert.True(left.Count == 0, $"it left: {string.Join('\n', left)}");
    }

    private static double Number(Match row, string column) => double.Parse(row.Groups[column].Value, CultureInfo.InvariantCulture);

    private static async Task<(int Code, IReadOnlyDictionary<string, Match> Rows, string Output, IReadOnlyList<string> Left)> RunAsync(string handlers)
    {
        var machine = await MachineState.ReadAsync();
        using var folder = new TempFolder();
        using var limit = new CancellationTokenSource(Limit);
        var command = new Command
        {
            Path = "unshare",
            Arguments =
            [
                "--mount", "--net", "/bin/bash", "-c", Script, folder.Path,
                Repository.DotNet, Repository.Program, "up", "--once", "--handlers", handlers, "--plugins", Repository.Plugins, "--busybox", Busybox.Path,
            ],
        };
        var result = await CommandRunner.RunAsync(command, null, 1 << 20, limit.Token);
        var output = $"{result.OutputText}\n{result.Error}";
        var rows = Row().Matches(result.OutputText).ToDictionary(static r => r.Groups["handler"].Value);
        string[] state(string file) => File.Exists(folder[file]) ? File.ReadAllLines(folder[file]) : [];
        var left = state("after").Except(state("before")).ToList();
        File.Delete(folder["before"]);
        return (result.ExitCode, rows, output, left.Count > 0 ? left : [.. (await machine.WhatIsNewAsync()).Where(l => !l.Contains(folder.Path, StringComparison.Ordinal))]);
    }

    [GeneratedRegex(@"^(?<pod>demo-\S+|-) +(?<handler>[a-z]\S+) +(?<why>\S.*?) {2,}(?<ip>\S+) +(?<kernel>\S+) +(?<seconds>\S+) +(?<helpers>\S+) *\r?$", RegexOptions.Multiline)]
    private static partial Regex Row();
}
