using System.Text.Json.Nodes;
using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>plugins.json edited under a gateway that runs.</summary>
public sealed class ConfigurationReloadTests(Suite suite)
{
    private const int SigHup = 1;
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Edits_GoodBadAndForARestart()
    {
        await using var gateway = await suite.OwnGatewayAsync();
        var first = (await gateway.Client.Admin.ListPluginsAsync(new())).Generation;

        // A handler more, on a plugin that is there.
        var handlers = gateway.Settings["handlers"] as JsonObject ?? [];
        handlers["second"] = new JsonObject { ["plugin"] = "oci", ["options"] = new JsonObject { ["path"] = "runc" } };
        gateway.Settings["handlers"] ??= handlers;
        Save(gateway);
        await Wait.ForAsync(() => gateway.HandlerAsync("second"), static h => h.Ready, Soon);
        await using (var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, "second"))
        {
            await pod.StartAsync(Requests.Idle());
        }

        // A bad edit changes nothing and is shown everywhere.
        await File.WriteAllTextAsync(gateway.ConfigPath, "{ \"selektion\": {} }", TestContext.Current.CancellationToken);
        var status = await Wait.ForAsync(() => VerboseAsync(gateway), static s => s.Info.ContainsKey("reload.problem"), Soon);
        Assert.Contains("did you mean 'selection'", status.Info["reload.problem"], StringComparison.Ordinal);
        Assert.True((await gateway.HandlerAsync("second")).Ready);
        Assert.Contains((await gateway.Client.Admin.DoctorAsync(new())).Findings, static f => f.Subject == "configuration" && f.Severity == "error");
        Assert.Contains("did you mean 'selection'", (await gateway.Client.Admin.ReloadAsync(new())).ConfigurationProblem, StringComparison.Ordinal);
        Assert.Contains("what was in force stays", gateway.Log, StringComparison.Ordinal);

        // Options that would break a handler that works are such an edit too.
        gateway.Settings["handlers"]!["second"]!["options"]!["path"] = "/nowhere/runc";
        Save(gateway);
        var answer = await gateway.Client.Admin.ReloadAsync(new());
        Assert.Contains("second", answer.ConfigurationProblem, StringComparison.Ordinal);
        Assert.True((await gateway.HandlerAsync("second")).Ready);

        // The rest of an edit is in force at once, a key of the start later; SIGHUP does not wait for the watch.
        gateway.Settings["handlers"]!["second"]!["options"]!["path"] = "runc";
        gateway.Settings["selection"]!["default"] = "second";
        gateway.Settings["streaming"] = new JsonObject { ["listen"] = "127.0.0.1:1" };
        Save(gateway);
        using (var process = PidFd.TryOpen(gateway.Pid)!)
        {
            process.Signal(SigHup);
        }

        status = await Wait.ForAsync(() => VerboseAsync(gateway), static s => s.Info.ContainsKey("reload.restartRequired"), Soon);
        Assert.Equal("streaming.listen", status.Info["reload.restartRequired"]);
        Assert.False(status.Info.ContainsKey("reload.problem"));
        await using var chosen = await TestPod.RunAsync(gateway.Client, gateway.Logs);
        Assert.Contains("\"handler\":\"second\"", (await gateway.Client.Runtime.PodSandboxStatusAsync(new() { PodSandboxId = chosen.Id, Verbose = true })).Info["info"], StringComparison.Ordinal);
        Assert.True((await gateway.Client.Admin.ListPluginsAsync(new())).Generation > first);
    }

    private static async Task<StatusResponse> VerboseAsync(Gateway gateway) => await gateway.Client.Runtime.StatusAsync(new() { Verbose = true });

    private static void Save(Gateway gateway) => File.WriteAllText(gateway.ConfigPath, gateway.Settings.ToJsonString());
}
