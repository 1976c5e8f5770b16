using System.Text.Json.Nodes;
using Berth.Cri.Protos;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>A handler that does harm gets no new pods for a while; everything else goes on, its own pods too.</summary>
public sealed class QuarantineTests(Suite suite)
{
    private const int SigKill = 9;

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Faults_QuarantineTheirHandler_UntilAnOperatorOrItsCheckLetsItGo()
    {
        await using var gateway = await suite.OwnGatewayAsync(settings =>
        {
            Write(settings, "1.0.0");
            settings["health"] = new JsonObject { ["faults"] = 2, ["quarantineSeconds"] = 3600, ["longestQuarantineSeconds"] = 3600 };
            settings["selection"]!["fallback"] = new JsonObject { ["obeys"] = new JsonArray("well") };
        });
        var old = await RunAsync(gateway, "obeys", "lives-on");
        await SpendAsync(gateway);

        // Said everywhere; another takes its place where the operator named one, and the rest is as before.
        var (_, reason) = await gateway.HandlerAsync("obeys");
        Assert.Matches("^quarantined until .*2 faults within 10 minutes, the last: plugin naughty failed in StartSandbox of handler obeys: .*InvalidCastException", reason);
        var row = (await gateway.Client.Admin.ListPluginsAsync(new())).Plugins.Single(static p => p.Id == "naughty");
        Assert.Equal(("Active", $"handler obeys is {reason}"), (row.State, row.Reason));
        Assert.Contains((await gateway.Client.Runtime.StatusAsync(new() { Verbose = true })).Info, i => i.Key.EndsWith("naughty", StringComparison.Ordinal) && i.Value.Contains(reason, StringComparison.Ordinal));
        Assert.Contains("handler_quarantined{handler=\"obeys\",plugin=\"naughty\",version=\"1.0.0\"} 1", await MetricsAsync(gateway), StringComparison.Ordinal);
        Assert.Contains($"Handler obeys of plugin naughty 1.0.0 is {reason}", gateway.Log, StringComparison.Ordinal);
        Assert.Equal("well", await HandlerOfAsync(gateway, await RunAsync(gateway, "obeys", "another")));
        Assert.Contains(reason, await RefusalAsync(gateway), StringComparison.Ordinal);
        Assert.Contains((await gateway.Client.Runtime.ListPodSandboxAsync(new())).Items, p => p.Id == old && p.State == PodSandboxState.SandboxReady);
        await using (var beside = await TestPod.RunAsync(gateway.Client, gateway.Logs, "runc"))
        {
            await beside.StartAsync(Requests.Idle());
        }

        // A restart is no pardon.
        await gateway.TerminateAsync();
        await gateway.StartAgainAsync();
        Assert.Equal(reason, (await gateway.HandlerAsync("obeys")).Reason);
        await gateway.Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = old });
        await gateway.Client.Runtime.RemovePodSandboxAsync(new() { PodSandboxId = old });

        // An operator's word is.
        Assert.Equal(StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(async () => await gateway.Client.Admin.ReleasePluginAsync(new() { Plugin = "naugty" }))).StatusCode);
        Assert.Equal("", (await gateway.Client.Admin.ReleasePluginAsync(new() { Plugin = "naughty" })).Plugins.Single(static p => p.Id == "naughty").Reason);
        Assert.Equal("obeys", await HandlerOfAsync(gateway, await RunAsync(gateway, "obeys", "again")));

        // And its own check, when the time is over; but then one fault is one too many.
        gateway.Settings["health"]!["quarantineSeconds"] = 1;
        File.WriteAllText(gateway.ConfigPath, gateway.Settings.ToJsonString());
        await gateway.Client.Admin.ReloadAsync(new());
        await SpendAsync(gateway);
        await Wait.ForAsync(() => gateway.HandlerAsync("obeys"), static h => h.Ready, Soon);
        Assert.Equal("obeys", await HandlerOfAsync(gateway, await RunAsync(gateway, "obeys", "well-again")));
        gateway.Settings["health"]!["quarantineSeconds"] = 1800;
        File.WriteAllText(gateway.ConfigPath, gateway.Settings.ToJsonString());
        await gateway.Client.Admin.ReloadAsync(new());
        await Assert.ThrowsAsync<RpcException>(() => RunAsync(gateway, "obeys", "throws"));
        Assert.Contains("(2 times in a row): it failed again soon after it was let go of", (await gateway.HandlerAsync("obeys")).Reason, StringComparison.Ordinal);

        // A new version has a clean sheet.
        Write(gateway.Settings, "2.0.0");
        await Wait.ForAsync(() => gateway.HandlerAsync("obeys"), static h => h.Ready, Soon);
        Assert.Equal("obeys", await HandlerOfAsync(gateway, await RunAsync(gateway, "obeys", "new")));
    }

    [Fact]
    public async Task ProcessThatEndsByItself_IsChargedToAllItsHandlers()
    {
        await using var gateway = await suite.OwnGatewayAsync(settings =>
        {
            Write(settings, "1.0.0");
            settings["health"] = new JsonObject { ["faults"] = 2 };
        });
        var pid = 0;
        for (var i = 0; i < 2; i++)
        {
            // The next one: a call that meets the end of the one before would be charged too.
            pid = (await Wait.ForAsync(() => Task.FromResult(gateway.PluginProcesses), p => p is [var next] && next != pid, Soon))[0];
            // It has answered, and has nothing to do.
            await Wait.ForAsync(() => AnswersAsync(gateway), static answers => answers, Soon);
            using var process = Linux.PidFd.TryOpen(pid)!;
            process.Signal(SigKill);
        }

        var row = await Wait.ForAsync(async () => (await gateway.Client.Admin.ListPluginsAsync(new())).Plugins.Single(static p => p.Id == "naughty"), static p => p.State == "Quarantined", Soon);
        Assert.Contains("handler obeys is quarantined", row.Reason, StringComparison.Ordinal);
        Assert.Contains("handler well is quarantined", row.Reason, StringComparison.Ordinal);
        Assert.Contains("its process ended, with no call in it: it was killed (SIGKILL)", row.Reason, StringComparison.Ordinal);
    }

    // A call that meets its end fails.
    private static async Task<bool> AnswersAsync(Gateway gateway)
    {
        try
        {
            await RunAsync(gateway, "well", "well");
            return true;
        }
        catch (RpcException)
        {
            return false;
        }
    }

    private static void Write(JsonObject settings, string version)
    {
        var folders = settings["plugins"]!["folders"]!.AsArray();
        HostilePlugins.Write((string)folders[0]!, "naughty", new Dictionary<string, string> { ["obeys"] = "obeys", ["well"] = "obeys" }, version);
    }

    private static async Task SpendAsync(Gateway gateway)
    {
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(StatusCode.Internal, (await Assert.ThrowsAsync<RpcException>(() => RunAsync(gateway, "obeys", "throws"))).StatusCode);
        }

        Assert.False((await gateway.HandlerAsync("obeys")).Ready);
    }

    // Without a fallback.
    private static async Task<string> RefusalAsync(Gateway gateway)
    {
        gateway.Settings["selection"]!.AsObject().Remove("fallback");
        File.WriteAllText(gateway.ConfigPath, gateway.Settings.ToJsonString());
        await gateway.Client.Admin.ReloadAsync(new());
        var refusal = await Assert.ThrowsAsync<RpcException>(() => RunAsync(gateway, "obeys", "refused"));
        Assert.Equal(StatusCode.Unavailable, refusal.StatusCode);
        return refusal.Status.Detail;
    }

    private static async Task<string> HandlerOfAsync(Gateway gateway, string id) =>
        (await gateway.Client.Admin.ListPodsAsync(new())).Pods.Single(p => p.Id == id).Handler;

    private static async Task<string> MetricsAsync(Gateway gateway)
    {
        using var http = new HttpClient();
        return await http.GetStringAsync(gateway.Metrics, TestContext.Current.CancellationToken);
    }

    private static async Task<string> RunAsync(Gateway gateway, string handler, string name)
    {
        var config = Requests.Pod(name);
        config.Linux.SecurityContext.NamespaceOptions.Network = NamespaceMode.Node;
        return (await gateway.Client.Runtime.RunPodSandboxAsync(new() { Config = config, RuntimeHandler = handler })).PodSandboxId;
    }
}
