using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Plugins that come, change and go under a gateway that runs, with pods on them.</summary>
public sealed class HotPluginTests(Suite suite)
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Versions_DroppedIntoARunningGateway_ServeNewPodsAndLeaveTheOldOnes()
    {
        await suite.RequireAsync("runc");
        await using var gateway = await suite.OwnGatewayAsync();
        var plugin = new HotPlugin(gateway.PluginFolder, "hot");
        plugin.Install("1.0.0");
        await StateAsync(gateway, "1.0.0", "Active");
        await using var old = await TestPod.RunAsync(gateway.Client, gateway.Logs, "hot");
        var idle = await old.StartAsync(Requests.Idle());

        // A version that does not read the records of the first: its pods stay where they are.
        plugin.Install("1.1.0", stateVersions: [2]);
        await StateAsync(gateway, "1.1.0", "Active");
        Assert.Equal(("Draining", 1L), await OfAsync(gateway, "1.0.0"));
        Assert.Equal("hot 1.0.0", await PluginOfAsync(gateway, old));
        Assert.Equal((0, "old\n", ""), await old.ExecAsync(idle, "echo", "old"));
        await using var middle = await TestPod.RunAsync(gateway.Client, gateway.Logs, "hot");
        await middle.StartAsync(Requests.Idle());
        Assert.Equal("hot 1.1.0", await PluginOfAsync(gateway, middle));

        // Back again: the first is there still, and takes new pods.
        plugin.Install("1.0.0");
        await StateAsync(gateway, "1.0.0", "Active");
        Assert.Equal("Draining", (await OfAsync(gateway, "1.1.0")).State);
        Assert.Equal((0, "old\n", ""), await old.ExecAsync(idle, "echo", "old"));

        // One that reads them takes its pods over while they run.
        plugin.Install("1.2.0");
        await Wait.ForAsync(() => PluginOfAsync(gateway, old), static p => p == "hot 1.2.0", Soon);
        Assert.Equal((0, "old\n", ""), await old.ExecAsync(idle, "echo", "old"));
        await gateway.Client.Runtime.StopContainerAsync(new() { ContainerId = idle, Timeout = 20 });
        Assert.Equal((0, "Completed"), ((await old.StatusAsync(idle)).ExitCode, (await old.StatusAsync(idle)).Reason));
        await Wait.ForAsync(() => OfAsync(gateway, "1.0.0"), static p => p.State == "", Soon);
    }

    [Theory]
    [InlineData("manifest", "plugin.json")]
    [InlineData("assembly", "not a .NET assembly")]
    [InlineData("self-test", "self-test failed")]
    [InlineData("contract", "this gateway has")]
    public async Task BrokenVersion_LeavesTheOldOneServing_AndSaysWhy(string what, string reason)
    {
        await suite.RequireAsync("runc");
        await using var gateway = await suite.OwnGatewayAsync();
        var plugin = new HotPlugin(gateway.PluginFolder, "hot");
        plugin.Install("1.0.0");
        await StateAsync(gateway, "1.0.0", "Active");
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, "hot");
        var idle = await pod.StartAsync(Requests.Idle());

        plugin.Install(
            "1.1.0",
            manifest: json =>
            {
                json["handlers"]!["hot"]!["options"]!["path"] = what == "self-test" ? "/bin/false" : "runc";
                json["contract"]!["max"] = what == "contract" ? "9.0" : "1.0";
                json["contract"]!["min"] = what == "contract" ? "9.0" : "1.0";
            },
            content: folder =>
            {
                var file = what switch { "manifest" => "plugin.json", "assembly" => "Berth.Plugins.Oci.dll", _ => null };
                if (file is not null)
                {
                    File.WriteAllText(Path.Combine(folder, file), "{ broken");
                }
            });

        var refused = await Wait.ForAsync(
            async () => (await gateway.Client.Admin.ListPluginsAsync(new())).Plugins.FirstOrDefault(static p => p.State is "Failed" or "Incompatible"), static p => p is not null, Soon);
        Assert.Contains(reason, refused!.Reason, StringComparison.Ordinal);
        Assert.Equal(("Active", 1L), await OfAsync(gateway, "1.0.0"));
        Assert.Contains((await gateway.Client.Runtime.StatusAsync(new() { Verbose = true })).Info, i => i.Key.StartsWith("plugin." + plugin.Folder, StringComparison.Ordinal) && i.Value.Contains(reason, StringComparison.Ordinal));
        Assert.Contains(reason, gateway.Log, StringComparison.Ordinal);
        Assert.Equal((0, "old\n", ""), await pod.ExecAsync(idle, "echo", "old"));
        await using var another = await TestPod.RunAsync(gateway.Client, gateway.Logs, "hot");
        Assert.Equal("hot 1.0.0", await PluginOfAsync(gateway, another));
    }

    [Fact]
    public async Task RemovedPlugin_KeepsItsPods_AlsoOverARestart()
    {
        await suite.RequireAsync("runc");
        await using var gateway = await suite.OwnGatewayAsync();
        var plugin = new HotPlugin(gateway.PluginFolder, "hot");
        plugin.Install("1.0.0");
        await StateAsync(gateway, "1.0.0", "Active");
        var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, "hot");
        var idle = await pod.StartAsync(Requests.Idle());

        plugin.Remove();
        await StateAsync(gateway, "1.0.0", "Draining");
        await RefusedAsync(gateway, "removed from the plugin folders");
        Assert.Equal((0, "here\n", ""), await pod.ExecAsync(idle, "echo", "here"));

        await gateway.KillAsync();
        await gateway.StartAgainAsync();
        Assert.Equal((0, "here\n", ""), await pod.ExecAsync(idle, "echo", "here"));
        await RefusedAsync(gateway, "not in the plugin folders any more");

        await pod.DisposeAsync();
        await Wait.ForAsync(() => OfAsync(gateway, "1.0.0"), static p => p.State == "", Soon);
        await RefusedAsync(gateway, "there is no runtime handler 'hot'");
        await Wait.ForAsync(() => Directory.GetDirectories(Path.Combine(gateway.Root, "plugins")).Length == Directory.GetDirectories(gateway.PluginFolder).Length, Soon);
    }

    internal static Task StateAsync(Gateway gateway, string version, string state) =>
        Wait.ForAsync(() => OfAsync(gateway, version), p => p.State == state, Soon);

    /// <summary>State and pods of a version of the plugin `hot`, in that state if one is given.</summary>
    internal static async Task<(string State, long Pods)> OfAsync(Gateway gateway, string version, string state = "") =>
        (await gateway.Client.Admin.ListPluginsAsync(new())).Plugins.FirstOrDefault(p => p.Id == "hot" && p.Version == version && (state.Length == 0 || p.State == state)) is { } row ? (row.State, row.Pods) : ("", 0);

    internal static async Task<string> PluginOfAsync(Gateway gateway, TestPod pod)
    {
        var answer = await gateway.Client.Runtime.PodSandboxStatusAsync(new() { PodSandboxId = pod.Id, Verbose = true });
        var info = System.Text.Json.JsonDocument.Parse(answer.Info["info"]).RootElement;
        return $"{info.GetProperty("plugin").GetString()} {info.GetProperty("pluginVersion").GetString()}";
    }

    private static async Task RefusedAsync(Gateway gateway, string reason)
    {
        var e = await Assert.ThrowsAsync<RpcException>(() => TestPod.RunAsync(gateway.Client, gateway.Logs, "hot"));
        Assert.Contains(reason, e.Status.Detail, StringComparison.Ordinal);
    }
}
