using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Reload after reload, in turn a new version of a plugin and another plugins.json, while pods come and go: no call fails, and no memory is kept.</summary>
public sealed partial class ReloadLoadTests(Suite suite, ITestOutputHelper output)
{
    private const int WarmUp = 10;

    // What a process of .NET gains by itself under this load: compiled code, the pool's threads, segments of its heap.
    private const long BoundBytes = 24L << 20;

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(120);

    private int _pods;

    [Fact]
    public Task Reloads_AHundred() => ReloadAsync(100);

    [Fact(Explicit = true)]
    public Task Reloads_AThousand() => ReloadAsync(1000);

    private async Task ReloadAsync(int reloads)
    {
        await suite.RequireAsync("runc");
        await suite.RequireAsync("crun");
        await using var gateway = await suite.OwnGatewayAsync();
        var plugin = new HotPlugin(gateway.PluginFolder, "hot");
        plugin.Install("1.0.0");
        await HotPluginTests.StateAsync(gateway, "1.0.0", "Active");
        await using var stays = await TestPod.RunAsync(gateway.Client, gateway.Logs, "hot");
        var idle = await stays.StartAsync(Requests.Idle());

        using var stop = new CancellationTokenSource();
        var load = new[] { "runc", "crun", "hot" }.Select(handler => Task.Run(() => LoadAsync(gateway, handler, () => stop.IsCancellationRequested))).ToList();
        var before = 0L;
        for (var i = 1; i <= reloads; i++)
        {
            if (i == WarmUp)
            {
                before = await QuietAsync(gateway);
            }

            var generation = (await gateway.Client.Admin.ListPluginsAsync(new())).Generation;
            Change(gateway, plugin, i);
            var answer = await gateway.Client.Admin.ReloadAsync(new());
            // The watch may have been quicker; either way it is in force.
            Assert.True(answer.Generation > generation && answer.ConfigurationProblem.Length == 0, answer.ToString());
            Assert.True((await gateway.HandlerAsync("hot")).Ready);
        }

        await stop.CancelAsync();
        await Task.WhenAll(load);
        Assert.Equal((0, "here\n", ""), await stays.ExecAsync(idle, "echo", "here"));
        var after = await QuietAsync(gateway);
        output.WriteLine($"{reloads} reloads, {_pods} pods, {before >> 20} MiB before, {after >> 20} MiB after");
        Assert.True(after - before < BoundBytes, $"{before >> 20} MiB have become {after >> 20} MiB");
        Assert.DoesNotContain((await gateway.Client.Admin.ListHandlersAsync(new())).Handlers, static h => h.State == "Quarantined");
        // The watch may meet a folder that is just being replaced, and say so; no reload may fail, and no call into a plugin.
        Assert.DoesNotContain("failed; what was in force stays", gateway.Log, StringComparison.Ordinal);
        Assert.DoesNotMatch("fail: .*Plugin .* failed in ", gateway.Log);
    }

    private static void Change(Gateway gateway, HotPlugin plugin, int i)
    {
        if (i % 2 == 0)
        {
            // Now and then in a process of its own: the pod that stays moves there and back.
            plugin.Install($"1.0.{i}", isolation: i % 20 == 0 ? "process" : "in-process");
        }
        else
        {
            // A handler more or less, and another canary's share.
            var handlers = gateway.Settings["handlers"]!.AsObject();
            if (!handlers.Remove("second"))
            {
                handlers["second"] = new JsonObject { ["plugin"] = "oci", ["options"] = new JsonObject { ["path"] = "runc" } };
            }

            gateway.Settings["selection"]!["rules"] = new JsonArray(
                new JsonObject { ["name"] = "canary", ["when"] = new JsonObject { ["namespaces"] = new JsonArray("none") }, ["use"] = "hot", ["share"] = i % 100 });
            File.WriteAllText(gateway.ConfigPath, gateway.Settings.ToJsonString());
        }
    }

    // Every call of it must succeed.
    private async Task LoadAsync(Gateway gateway, string handler, Func<bool> isOver)
    {
        while (!isOver())
        {
            await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, handler);
            var id = await pod.StartAsync(Requests.Idle());
            Assert.Equal((0, "alive\n", ""), await pod.ExecAsync(id, "echo", "alive"));
            await gateway.Client.Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 20 });
            await gateway.Client.Runtime.RemoveContainerAsync(new() { ContainerId = id });
            Interlocked.Increment(ref _pods);
        }
    }

    // Once all that was let go of has left the memory, but for the version whose child is the monitor of the pod that stays.
    private static async Task<long> QuietAsync(Gateway gateway)
    {
        using var http = new HttpClient();
        await Wait.ForAsync(async () => Remnants().Match(await http.GetStringAsync(gateway.Metrics)).Groups[1].Value, static n => n is "0" or "1", Soon);
        var smaps = await File.ReadAllTextAsync($"/proc/{gateway.Pid}/smaps_rollup");
        return long.Parse(Anonymous().Match(smaps).Groups[1].Value, CultureInfo.InvariantCulture) << 10;
    }

    [GeneratedRegex(@"^berth_plugin_remnants(?:\{[^}]*\})? (\d+)", RegexOptions.Multiline)]
    private static partial Regex Remnants();

    [GeneratedRegex(@"^Pss_Anon:\s+(\d+) kB", RegexOptions.Multiline)]
    private static partial Regex Anonymous();
}
