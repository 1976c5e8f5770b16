using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Berth.Admin.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Plugins that come, change and go under a gateway that runs, with pods on them.</summary>
public sealed class HotPluginTests(RestartedGateway hot, Suite suite) : IClassFixture<RestartedGateway>, IAsyncLifetime
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    private Gateway Gateway => hot.Gateway;

    private HotPlugin Plugin => new(Gateway.PluginFolder, "hot");

    public async ValueTask InitializeAsync() => await suite.RequireAsync("runc");

    public async ValueTask DisposeAsync()
    {
        await Gateway.RemovePodsAsync();
        Plugin.Remove();
        foreach (var folder in ((string[])["hot-2", ".versions"]).Select(f => Path.Combine(Gateway.PluginFolder, f)).Where(Directory.Exists))
        {
            Directory.Delete(folder, recursive: true);
        }

        await Gateway.Client.Admin.ReloadAsync(new());
    }

    [Theory]
    [InlineData("in-process", "process")]
    [InlineData("process", "in-process")]
    public async Task Versions_DroppedIntoARunningGateway_ServeNewPodsAndLeaveTheOldOnes(string isolation, string other)
    {
        Plugin.Install("1.0.0", isolation: isolation);
        await StateAsync(Gateway, "1.0.0", "Active");
        // Those of another test end when nobody needs them any more.
        await Wait.ForAsync(() => Task.FromResult(Gateway.PluginProcesses.Count), p => p == (isolation == "process" ? 1 : 0), Soon);
        await using var old = await RunAsync();
        var idle = await old.StartAsync(Requests.Idle());

        // A version that does not read the records of the first: its pods stay where they are.
        Plugin.Install("1.1.0", stateVersions: [2], isolation: isolation);
        await StateAsync(Gateway, "1.1.0", "Active");
        Assert.Equal(("Draining", 1L), await OfAsync(Gateway, "1.0.0"));
        Assert.Equal("hot 1.0.0", await PluginOfAsync(Gateway, old));
        Assert.Equal((0, "old\n", ""), await old.ExecAsync(idle, "echo", "old"));
        await using var middle = await RunAsync();
        await middle.StartAsync(Requests.Idle());
        Assert.Equal("hot 1.1.0", await PluginOfAsync(Gateway, middle));

        // Back again: the first is there still, and takes new pods.
        Plugin.Install("1.0.0", isolation: isolation);
        await StateAsync(Gateway, "1.0.0", "Active");
        Assert.NotEqual("Active", (await OfAsync(Gateway, "1.1.0")).State);
        Assert.Equal((0, "old\n", ""), await old.ExecAsync(idle, "echo", "old"));

        // One that reads them takes its pods over while they run.
        Plugin.Install("1.2.0", isolation: isolation);
        await Wait.ForAsync(() => PluginOfAsync(Gateway, old), static p => p == "hot 1.2.0", Soon);
        Assert.Equal((0, "old\n", ""), await old.ExecAsync(idle, "echo", "old"));
        await Wait.ForAsync(() => OfAsync(Gateway, "1.0.0"), static p => p.State == "", Soon);

        // The same code where the operator wants it: what serves from then on runs there, and the pod goes on.
        await IsolateAsync(other);
        await Wait.ForAsync(
            async () => (await RowsAsync()).Where(static r => r.Version == "1.2.0").Select(static r => (r.State, Runs: r.Pid > 0 ? "process" : "in-process")).ToList(),
            r => r is [("Active", var runs)] && runs == other,
            Soon);
        Assert.Equal((0, "old\n", ""), await old.ExecAsync(idle, "echo", "old"));
        await using (var moved = await RunAsync())
        {
            Assert.Equal("hot 1.2.0", await PluginOfAsync(Gateway, moved));
        }

        await Gateway.Client.Runtime.StopContainerAsync(new() { ContainerId = idle, Timeout = 20 });
        Assert.Equal((0, "Completed"), ((await old.StatusAsync(idle)).ExitCode, (await old.StatusAsync(idle)).Reason));
        await middle.DisposeAsync();
        await Wait.ForAsync(() => Task.FromResult(Gateway.PluginProcesses.Count), p => p == (other == "process" ? 1 : 0), Soon);
        await IsolateAsync(null);
    }

    /// <summary>Whatever is wrong with a version: the one in force serves, and why is said everywhere.</summary>
    [Fact]
    public async Task BrokenVersion_LeavesTheOldOneServing_AndSaysWhy()
    {
        Plugin.Install("1.0.0");
        await StateAsync(Gateway, "1.0.0", "Active");
        await using var pod = await RunAsync();
        var idle = await pod.StartAsync(Requests.Idle());

        foreach (var (cause, reason) in new[]
        {
            ("manifest", "plugin.json"), ("load", "not a .NET assembly"), ("self-test", "self-test failed"), ("contract", "this gateway has"), ("signature", "is no signature"),
        })
        {
            Plugin.Install("1.1.0", manifest: json => Break(json, cause), content: folder => Break(folder, cause));
            var refused = await Wait.ForAsync(
                async () => (await RowsAsync()).FirstOrDefault(r => r.State is "Failed" or "Incompatible" && r.Reason.Contains(reason, StringComparison.Ordinal)), static p => p is not null, Soon);
            Assert.Equal(("Active", 1L), await OfAsync(Gateway, "1.0.0"));
            Assert.Contains(
                (await Gateway.Client.Runtime.StatusAsync(new() { Verbose = true })).Info,
                i => i.Key.StartsWith("plugin." + Plugin.Folder, StringComparison.Ordinal) && i.Value.Contains(reason, StringComparison.Ordinal));
            Assert.Contains(refused!.Reason, Gateway.Log, StringComparison.Ordinal);
            await CountedAsync($$"""berth_plugin_refusals_total\{cause="{{cause}}",plugin="hot"\} [1-9]""");
        }

        await CountedAsync("""berth_reloads_total\{result="version-refused"\} [1-9]""");
        Assert.Equal((0, "old\n", ""), await pod.ExecAsync(idle, "echo", "old"));
        await using var another = await RunAsync();
        Assert.Equal("hot 1.0.0", await PluginOfAsync(Gateway, another));
    }

    [Theory]
    [InlineData("in-process")]
    [InlineData("process")]
    public async Task RemovedPlugin_KeepsItsPods_AlsoOverARestart(string isolation)
    {
        Plugin.Install("1.0.0", isolation: isolation);
        await StateAsync(Gateway, "1.0.0", "Active");
        var staged = Path.Combine(Gateway.Root, "plugins", (await RowsAsync()).Single(static r => r.State == "Active").Digest);
        var pod = await RunAsync();
        var idle = await pod.StartAsync(Requests.Idle());

        Plugin.Remove();
        await StateAsync(Gateway, "1.0.0", "Draining");
        await RefusedAsync("removed from the plugin folders");
        Assert.Equal((0, "here\n", ""), await pod.ExecAsync(idle, "echo", "here"));

        await Gateway.KillAsync();
        await Gateway.StartAgainAsync();
        Assert.Equal((0, "here\n", ""), await pod.ExecAsync(idle, "echo", "here"));
        await RefusedAsync("not in the plugin folders any more");
        Assert.True(Directory.Exists(staged));

        await pod.DisposeAsync();
        await Wait.ForAsync(() => OfAsync(Gateway, "1.0.0"), static p => p.State == "", Soon);
        await RefusedAsync("there is no runtime handler 'hot'");
        await Wait.ForAsync(() => !Directory.Exists(staged) && Gateway.PluginProcesses.Count == 0, Soon);
    }

    /// <summary>
    /// A link is switched, a package manager brings a version file by file, one file is changed in its place, a folder is exchanged for
    /// another in one step: the watch notices each, and at no moment does a pod not start.
    /// </summary>
    [Fact]
    public async Task Folders_ChangedInEveryWay_AreNoticed_AndServiceHasNoGap()
    {
        var versions = Directory.CreateDirectory(Path.Combine(Gateway.PluginFolder, ".versions")).FullName;
        Plugin.Write(Path.Combine(versions, "1.0.0"), "1.0.0");
        Plugin.Write(Path.Combine(versions, "1.1.0"), "1.1.0");
        File.CreateSymbolicLink(Plugin.Folder, Path.Combine(versions, "1.0.0"));
        await StateAsync(Gateway, "1.0.0", "Active");

        using var end = new CancellationTokenSource();
        var pods = PodsAsync(end.Token);
        try
        {
            await ChangeAsync(versions);
        }
        finally
        {
            await end.CancelAsync();
        }

        Assert.True(await pods > 0);
    }

    internal static async Task StateAsync(Gateway gateway, string version, string state)
    {
        await Wait.ForAsync(() => OfAsync(gateway, version), p => p.State == state, Soon);
        if (state == "Active")
        {
            // The first check of a handler that takes nobody's place may end later.
            await Wait.ForAsync(() => gateway.HandlerAsync("hot"), static h => h.Ready, Soon);
        }
    }

    /// <summary>State and pods of a version of the plugin `hot`, in that state if one is given.</summary>
    internal static async Task<(string State, long Pods)> OfAsync(Gateway gateway, string version, string state = "") =>
        (await gateway.Client.Admin.ListPluginsAsync(new())).Plugins.FirstOrDefault(p => p.Id == "hot" && p.Version == version && (state.Length == 0 || p.State == state)) is { } row ? (row.State, row.Pods) : ("", 0);

    internal static async Task<string> PluginOfAsync(Gateway gateway, TestPod pod)
    {
        var answer = await gateway.Client.Runtime.PodSandboxStatusAsync(new() { PodSandboxId = pod.Id, Verbose = true });
        var info = System.Text.Json.JsonDocument.Parse(answer.Info["info"]).RootElement;
        return $"{info.GetProperty("plugin").GetString()} {info.GetProperty("pluginVersion").GetString()}";
    }

    private static void Break(JsonObject json, string cause)
    {
        json["handlers"]!["hot"]!["options"]!["path"] = cause == "self-test" ? "/bin/false" : "runc";
        json["contract"]!["max"] = cause == "contract" ? "9.0" : "1.0";
        json["contract"]!["min"] = cause == "contract" ? "9.0" : "1.0";
    }

    private static void Break(string folder, string cause)
    {
        if (cause switch { "manifest" => "plugin.json", "load" => "Berth.Plugins.Oci.dll", "signature" => "plugin.sig", _ => null } is { } file)
        {
            File.WriteAllText(Path.Combine(folder, file), "{ broken");
        }
    }

    private async Task ChangeAsync(string versions)
    {
        using var here = SafeFd.OpenDirectory(Gateway.PluginFolder);
        using var there = SafeFd.OpenDirectory(versions);
        File.CreateSymbolicLink(Path.Combine(versions, "next"), Path.Combine(versions, "1.1.0"));
        FilesAt.Rename(there, "next"u8, here, "hot"u8);
        await StateAsync(Gateway, "1.1.0", "Active");

        await CopySlowlyAsync(new(Gateway.PluginFolder, "hot-2"), versions);
        await Wait.ForAsync(() => OfAsync(Gateway, "1.1.0"), static p => p.State is "" or "Disabled", Soon);

        var manifest = Path.Combine(Gateway.PluginFolder, "hot-2", "plugin.json");
        File.WriteAllText(manifest, File.ReadAllText(manifest).Replace("2.0.0", "2.1.0", StringComparison.Ordinal));
        await StateAsync(Gateway, "2.1.0", "Active");

        Plugin.Write(Path.Combine(versions, "3.0.0"), "3.0.0");
        FilesAt.Exchange(there, "3.0.0"u8, here, "hot"u8);
        await StateAsync(Gateway, "3.0.0", "Active");
    }

    // plugin.json first, and each further file only when the gateway has looked at what there is: the version in force serves.
    private async Task CopySlowlyAsync(HotPlugin target, string versions)
    {
        var source = Path.Combine(versions, "2.0.0");
        Plugin.Write(source, "2.0.0");
        Directory.CreateDirectory(target.Folder);
        var files = Directory.GetFiles(source).Where(static f => f.EndsWith(".json", StringComparison.Ordinal) || f.EndsWith(".dll", StringComparison.Ordinal)).OrderByDescending(static f => f.EndsWith("plugin.json", StringComparison.Ordinal)).ToList();
        foreach (var file in files)
        {
            var before = (await Gateway.Client.Admin.ListPluginsAsync(new())).LastAt;
            File.Copy(file, Path.Combine(target.Folder, Path.GetFileName(file)));
            await Wait.ForAsync(async () => (await Gateway.Client.Admin.ListPluginsAsync(new())).LastAt, at => at != before, Soon);
            if (file == files[0])
            {
                // The look before may have been at the empty folder.
                await Wait.ForAsync(RowsAsync, static rows => rows.Any(r => r is { Version: "2.0.0", State: "Failed" } && r.Reason.Contains("is missing", StringComparison.Ordinal)), Soon);
                Assert.Equal("Active", (await OfAsync(Gateway, "1.1.0")).State);
            }
        }

        await StateAsync(Gateway, "2.0.0", "Active");
    }

    // Every one of them must start.
    private async Task<int> PodsAsync(CancellationToken end)
    {
        var count = 0;
        for (; !end.IsCancellationRequested; count++)
        {
            await using var pod = await RunAsync();
        }

        return count;
    }

    private Task<TestPod> RunAsync() =>
        TestPod.RunAsync(Gateway.Client, Gateway.Logs, "hot", static c => c.Linux.SecurityContext.NamespaceOptions.Network = Berth.Cri.Protos.NamespaceMode.Node);

    private async Task IsolateAsync(string? isolation)
    {
        Gateway.Settings["plugins"]!.AsObject().Remove("hot");
        if (isolation is not null)
        {
            Gateway.Settings["plugins"]!["hot"] = new JsonObject { ["isolation"] = isolation };
        }

        File.WriteAllText(Gateway.ConfigPath, Gateway.Settings.ToJsonString());
        await Gateway.Client.Admin.ReloadAsync(new());
    }

    private async Task<IReadOnlyList<PluginRow>> RowsAsync() =>
        [.. (await Gateway.Client.Admin.ListPluginsAsync(new())).Plugins.Where(static p => p.Id.StartsWith("hot", StringComparison.Ordinal))];

    // A reload is counted when it is over, which is after what it changed can be seen.
    private async Task CountedAsync(string line)
    {
        using var http = new HttpClient();
        await Wait.ForAsync(() => http.GetStringAsync(Gateway.Metrics), page => Regex.IsMatch(page, line), Soon);
    }

    private async Task RefusedAsync(string reason)
    {
        var e = await Assert.ThrowsAsync<RpcException>(RunAsync);
        Assert.Contains(reason, e.Status.Detail, StringComparison.Ordinal);
    }
}
