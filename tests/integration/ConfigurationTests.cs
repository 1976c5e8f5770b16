using System.Text.Json.Nodes;
using Berth.Cri.Protos;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Configurations, plugins and networks that are broken.</summary>
public sealed class ConfigurationTests(Suite suite)
{
    [Fact]
    public async Task PluginsJson_Broken_IsRefusedWithAllErrors()
    {
        var (code, log) = await Gateway.RunToEndAsync(static settings =>
        {
            settings["gateway"] = new JsonObject { ["lissten"] = "unix:///x", ["cgroupDriver"] = "magic" };
            settings["selection"] = new JsonObject { ["default"] = "runc", ["rules"] = new JsonArray(new JsonObject { ["name"] = "r", ["use"] = "nowhere" }) };
            settings["images"]!["maxParallelLayers"] = "many";
        });
        Assert.Equal(78, code);
        foreach (var part in (string[])["gateway.lissten", "listen", "gateway.cgroupDriver", "nowhere", "images.maxParallelLayers"])
        {
            Assert.Contains(part, log, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task PluginsJson_Missing_IsNamed()
    {
        await using var gateway = await suite.OwnGatewayAsync();
        await gateway.TerminateAsync();
        File.Delete(gateway.ConfigPath);
        var error = await Assert.ThrowsAsync<InvalidOperationException>(gateway.StartAgainAsync);
        Assert.Contains(gateway.ConfigPath, error.Message, StringComparison.Ordinal);
        await File.WriteAllTextAsync(gateway.ConfigPath, gateway.Settings.ToJsonString());
    }

    [Fact]
    public async Task Plugin_BrokenAssembly_IsNamedAndTheRestWorks()
    {
        await using var gateway = await suite.OwnGatewayAsync();
        await gateway.TerminateAsync();
        var folder = Directory.CreateDirectory(Path.Combine(gateway.PluginFolder, "wreck")).FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "Wreck.dll"), "this is no assembly");
        await File.WriteAllTextAsync(Path.Combine(folder, "plugin.json"), """
            { "id": "wreck", "version": "1.0.0", "contract": { "min": "1.0", "max": "1.0" }, "assembly": "Wreck.dll", "handlers": { "wreck": {} } }
            """);
        await gateway.StartAgainAsync();
        Assert.Contains("wreck", gateway.Log, StringComparison.Ordinal);
        var handlers = await gateway.Client.Admin.ListHandlersAsync(new());
        Assert.Contains(handlers.Plugins, static p => p.Folder.Contains("wreck", StringComparison.Ordinal) && p.Reason.Length > 0);
        var status = await gateway.Client.Runtime.StatusAsync(new() { Verbose = true });
        Assert.Contains("wreck", string.Concat(status.Info.Select(static i => i.Key + i.Value)), StringComparison.Ordinal);
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs);
        Assert.Equal(0, (await pod.RunToEndAsync(Requests.Script("ok", "true"))).ExitCode);
    }

    [Fact]
    public async Task PluginFolder_WritableByOthers_IsRefused()
    {
        await using var gateway = await suite.OwnGatewayAsync();
        await gateway.TerminateAsync();
        var folder = Path.Combine(gateway.PluginFolder, "oci");
        File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.OtherWrite);
        await gateway.StartAgainAsync();
        Assert.Contains(folder, gateway.Log, StringComparison.Ordinal);
        var status = await gateway.Client.Runtime.StatusAsync(new());
        Assert.False(status.Status.Conditions.Single(static c => c.Type == "RuntimeReady").Status);
    }

    [Fact]
    public async Task Network_NotConfigured_IsSaidAndPodsAreRefused()
    {
        using var empty = new TempFolder();
        await using var gateway = await suite.OwnGatewayAsync(s => s["network"]!["confDir"] = empty.Path);
        var condition = (await gateway.Client.Runtime.StatusAsync(new())).Status.Conditions.Single(static c => c.Type == "NetworkReady");
        Assert.False(condition.Status);
        Assert.Contains(empty.Path, condition.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<RpcException>(() => TestPod.RunAsync(gateway.Client, gateway.Logs));
        Assert.Empty((await gateway.Client.Runtime.ListPodSandboxAsync(new())).Items);

        // Pods on the node's network need none.
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, "", static c => c.Linux.SecurityContext.NamespaceOptions.Network = NamespaceMode.Node);
    }

    [Fact]
    public async Task Network_ConfiguredLater_IsSeenWithoutARestart()
    {
        using var folder = new TempFolder();
        await using var network = new TestNetwork();
        await using var gateway = await suite.OwnGatewayAsync(s => s["network"]!["confDir"] = folder.Path);
        File.Copy(Path.Combine(network.ConfDir, "10-test.conflist"), folder["10-test.conflist"]);
        await Wait.ForAsync(
            async () => (await gateway.Client.Runtime.StatusAsync(new())).Status.Conditions.Single(static c => c.Type == "NetworkReady").Status,
            static ready => ready,
            TimeSpan.FromSeconds(15));
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs);
    }

    [Fact]
    public async Task CniPlugin_Fails_ItsWordsAreToldAndNothingStays()
    {
        using var folder = new TempFolder();
        var plugin = folder.File("bin/failing", """
            #!/bin/sh
            [ "$CNI_COMMAND" = ADD ] || exit 0
            echo '{"cniVersion":"1.0.0","code":11,"msg":"the harbour is full","details":""}'
            exit 1
            """);
        File.SetUnixFileMode(plugin, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        folder.File("conf/10-failing.conflist", """{"cniVersion":"1.0.0","name":"failing","plugins":[{"type":"failing"}]}""");
        await using var gateway = await suite.OwnGatewayAsync(s => s["network"] = new JsonObject { ["confDir"] = folder["conf"], ["binDirs"] = new JsonArray(folder["bin"]) });
        var error = await Assert.ThrowsAsync<RpcException>(() => TestPod.RunAsync(gateway.Client, gateway.Logs));
        Assert.Contains("the harbour is full", error.Status.Detail, StringComparison.Ordinal);
        Assert.Empty((await gateway.Client.Runtime.ListPodSandboxAsync(new())).Items);
        await Wait.ForAsync(() => Directory.GetDirectories(Path.Combine(gateway.State, "sandboxes")).Length == 0, TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task Socket_LeftByAKilledGateway_DoesNotStopTheNext()
    {
        await using var gateway = await suite.OwnGatewayAsync();
        await gateway.KillAsync();
        Assert.True(File.Exists(gateway.SocketPath));
        await gateway.StartAgainAsync();
        Assert.True(await gateway.Client.AnswersAsync());
    }

    [Fact]
    public async Task Folders_UsedByALiveGateway_AreRefusedToASecond()
    {
        var (code, log) = await suite.Gateway.RunSecondAsync();
        Assert.NotEqual(0, code);
        Assert.Contains(suite.Gateway.Root, log, StringComparison.Ordinal);
        Assert.True(await suite.Client.AnswersAsync());
    }
}
