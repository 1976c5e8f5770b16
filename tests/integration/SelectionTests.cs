using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Configuration;
using Berth.Cri.Protos;
using Berth.Plugins;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Which handler a pod gets, and that it says why.</summary>
public sealed class SelectionTests(Suite suite, SelectionGateway selection) : IClassFixture<SelectionGateway>
{
    private readonly Gateway _gateway = selection.Gateway;

    [Fact]
    public async Task NothingSaid_GetsTheDefault() => await GetsAsync("runc", "default", "", static _ => { });

    [Fact]
    public async Task RuntimeClass_IsHeeded() => await GetsAsync("other", "RuntimeClass", "other", static c => c.Labels["kind"] = "batch-1");

    [Fact]
    public async Task Annotation_Listed_IsHeeded() =>
        await GetsAsync("other", "annotation", "", static c => c.Annotations["berth.dev/runtime-handler"] = "other");

    [Fact]
    public async Task Annotation_FromAnotherNamespace_IsNotBelieved() => await GetsAsync("runc", "default", "", static c =>
    {
        c.Metadata.Namespace = "strangers";
        c.Annotations["berth.dev/runtime-handler"] = "other";
    });

    [Fact]
    public async Task OlderAnnotation_Mapped_IsHeeded() =>
        await GetsAsync("other", "TrustedSandbox=false", "", static c => c.Annotations["io.kubernetes.cri-o.TrustedSandbox"] = "false");

    [Fact]
    public async Task HandlerNotReady_ItsFallbackTakesThePodAndTheReasonSaysSo() =>
        await GetsAsync("other", "fallback of lame", "lame", static _ => { });

    [Fact]
    public async Task Share_ByThePodsUid_IsTheSameForEveryAttempt()
    {
        foreach (var uid in Enumerable.Range(0, 3).Select(static u => $"pod-{u}"))
        {
            var handlers = new List<string>();
            for (var attempt = 0u; attempt < 2; attempt++)
            {
                await using var pod = await TestPod.RunAsync(_gateway.Client, _gateway.Logs, "", c =>
                {
                    c.Labels["canary"] = "yes";
                    (c.Metadata.Uid, c.Metadata.Attempt) = (uid, attempt);
                });
                handlers.Add((await _gateway.Client.Admin.ListPodsAsync(new())).Pods.Single(p => p.Id == pod.Id).Handler);
            }

            Assert.Single(handlers.Distinct());
        }
    }

    [Fact]
    public async Task Annotations_OnlyTheListedOnes_ReachTheHandler()
    {
        await using var pod = await TestPod.RunAsync(_gateway.Client, _gateway.Logs, "other", static c =>
        {
            c.Annotations["team/flavour"] = "mild";
            c.Annotations["team/flavour.more"] = "x";
            c.Annotations["org.systemd.property.ExecStart"] = "'/bin/true'";
        });
        var container = Requests.Idle();
        container.Annotations["run.oci.hooks.stdout"] = "/tmp/x";
        var id = await pod.CreateAsync(container);

        var config = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(_gateway.State, "containers", id, "bundle", "config.json")))!;

        Assert.Equal("""{"team/flavour":"mild"}""", config["annotations"]!.ToJsonString());
    }

    [Fact]
    public async Task ChoiceByARule_AndARefusal_AreEventsOfThePods()
    {
        var uid = $"uid-{Guid.NewGuid():N}";
        await using var pod = await TestPod.RunAsync(_gateway.Client, _gateway.Logs, "", c => (c.Labels["kind"], c.Metadata.Uid) = ("batch-1", uid));
        var denied = await Assert.ThrowsAsync<RpcException>(
            () => TestPod.RunAsync(_gateway.Client, _gateway.Logs, "", c => (c.Labels["origin"], c.Metadata.Uid) = ("unknown", uid + "-denied")));

        var chosen = await EventAsync(uid);
        Assert.Equal(("HandlerChosen", "Normal", pod.Config.Metadata.Namespace), ((string?)chosen["reason"], (string?)chosen["type"], (string?)chosen["metadata"]!["namespace"]));
        Assert.Matches(@"^handler other \(plugin oci [0-9.]+\): rule 'batch'$", (string?)chosen["note"]);
        // Also where nothing but the class or the default decided.
        foreach (var (runtimeClass, handler, reason) in ((string, string, string)[])[("other", "other", "RuntimeClass"), ("", "runc", "default")])
        {
            await using var plain = await TestPod.RunAsync(_gateway.Client, _gateway.Logs, runtimeClass, c => c.Metadata.Uid = uid + reason);
            Assert.Matches($@"^handler {handler} \(plugin oci [0-9.]+\): {reason}$", (string?)(await EventAsync(uid + reason))["note"]);
        }

        var refused = await EventAsync(uid + "-denied");
        Assert.Equal(("PodRefused", "Warning", denied.Status.Detail), ((string?)refused["reason"], (string?)refused["type"], (string?)refused["note"]));
        Assert.Contains(selection.Cluster.Events, static e => (string?)e["regarding"]!["kind"] == "Node" && ((string?)e["note"])!.StartsWith("handler absent takes no new pods", StringComparison.Ordinal));
    }

    private async Task<JsonObject> EventAsync(string uid) => (await Wait.ForAsync(
        () => Task.FromResult(selection.Cluster.Events.FirstOrDefault(e => (string?)e["regarding"]!["uid"] == uid)), static e => e is not null, TimeSpan.FromSeconds(30)))!;

    [Fact]
    public async Task PluginThatComesAndGoes_ItsClassAndLabelsFollow()
    {
        const string Theirs = """{ "kind": "RuntimeClass", "apiVersion": "node.k8s.io/v1", "metadata": { "name": "theirs" }, "handler": "x" }""";
        var (cluster, plugin) = (selection.Cluster, new HotPlugin(_gateway.PluginFolder, "hot"));
        cluster.PutClass("theirs", Theirs);
        void Offer(string version, int cpu) => plugin.Install(version, manifest: json => json["handlers"]!["hot"] = JsonNode.Parse($$"""
            { "options": { "path": "runc" }, "overhead": { "cpuMillis": {{cpu}}, "memoryBytes": 67108864 },
              "scheduling": { "nodeSelector": { "disk": "fast" }, "tolerations": [ { "key": "hot", "effect": "NoSchedule" } ] } }
            """));

        Offer("1.0.0", 100);
        var item = await ClassAsync(static c => c is not null);
        Assert.Equal("""{"podFixed":{"cpu":"100m","memory":"67108864"}}""", item!["overhead"]!.ToJsonString());
        Assert.Equal("""{"disk":"fast","handler.berth.dev/hot":"true"}""", item["scheduling"]!["nodeSelector"]!.ToJsonString());
        Assert.Equal("hot", (string?)item["scheduling"]!["tolerations"]![0]!["key"]);
        await LabelAsync("true");
        Assert.Equal("true", (string?)cluster.Labels("node-1")!["feature.berth.dev/hot.seccomp"]);

        Offer("1.1.0", 200);
        await ClassAsync(static c => (string?)c?["overhead"]?["podFixed"]?["cpu"] == "200m" && (string?)c["metadata"]!["annotations"]!["berth.dev/plugin-version"] == "1.1.0");

        // Switched off: its pods wait, so the class stays.
        DisabledPlugins.Add(_gateway.PluginFolder, "hot", "too slow");
        await LabelAsync("false");
        Assert.NotNull(cluster.Class("hot"));
        DisabledPlugins.Remove([_gateway.PluginFolder], "hot");
        await LabelAsync("true");

        plugin.Remove();
        await ClassAsync(static c => c is null);
        Assert.Null(cluster.Labels("node-1")!["handler.berth.dev/hot"]);
        Assert.Equal("x", (string?)cluster.Class("theirs")!["handler"]);
        Assert.DoesNotContain(cluster.Writes, static w => w.EndsWith(" theirs", StringComparison.Ordinal));
        Assert.DoesNotContain("DELETE runc", cluster.Writes);

        Task<JsonObject?> ClassAsync(Predicate<JsonObject?> holds) =>
            Wait.ForAsync(() => Task.FromResult(cluster.Class("hot")), c => holds(c), TimeSpan.FromSeconds(60));
        Task LabelAsync(string value) =>
            Wait.ForAsync(() => Task.FromResult((string?)cluster.Labels("node-1")!["handler.berth.dev/hot"]), l => l == value, TimeSpan.FromSeconds(60));
    }

    /// <summary>As docs/operators.md has it: the new version beside the old one, under another id, and a rule that gives it a share of the class's pods.</summary>
    [Fact]
    public async Task NewVersion_UnderAnIdOfItsOwn_GetsItsShareOfTheClassesPods()
    {
        var (old, next) = (new HotPlugin(_gateway.PluginFolder, "web"), new HotPlugin(_gateway.PluginFolder, "web-next"));
        old.Install("1.0.0");
        next.Install("1.1.0");
        await Wait.ForAsync(async () => (await _gateway.HandlerAsync("web")).Ready && (await _gateway.HandlerAsync("web-next")).Ready, static ready => ready, TimeSpan.FromSeconds(60));
        var canary = new SelectionRule { Name = "web-canary", Share = 5 };
        var uids = Enumerable.Range(0, 400).Select(static u => $"web-{u}").ToLookup(u => RuleShare.Mismatch(canary, new() { Uid = u }) is null);
        Assert.InRange(uids[true].Count(), 8, 40);

        foreach (var (isTaken, plugin, reason) in ((bool, string, string)[])[(true, "web-next 1.1.0", "enforced by rule 'web-canary'"), (false, "web 1.0.0", "RuntimeClass")])
        {
            // Each attempt of a pod stays on its side.
            for (var attempt = 0u; attempt < 2; attempt++)
            {
                await using var pod = await TestPod.RunAsync(_gateway.Client, _gateway.Logs, "web", c =>
                {
                    c.Labels["app"] = "web";
                    (c.Metadata.Uid, c.Metadata.Attempt) = (uids[isTaken].First(), attempt);
                });
                Assert.Equal(plugin, await HotPluginTests.PluginOfAsync(_gateway, pod));
                Assert.Equal(reason, (await _gateway.Client.Admin.ListPodsAsync(new())).Pods.Single(p => p.Id == pod.Id).Reason);
            }
        }

        old.Remove();
        next.Remove();
        await Wait.ForAsync(async () => (await _gateway.HandlerAsync("web")).Reason, static reason => reason == "no such handler", TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Rule_Matching_IsNamed() => await GetsAsync("other", "batch", "", static c => c.Labels["kind"] = "batch-1");

    [Fact]
    public async Task Rule_Enforced_BeatsTheRuntimeClass() => await GetsAsync("other", "guarded", "runc", static c => c.Labels["guard"] = "yes");

    [Fact]
    public async Task Rule_Deny_RefusesWithItsReason()
    {
        var error = await RefusedAsync("", static c => c.Labels["origin"] = "unknown");
        Assert.Contains("its origin is unknown", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rule_DenyImage_RefusesTheContainer()
    {
        var reference = await suite.Registry.PushAsync("forbidden", "one", new TestImage([suite.Base]));
        await _gateway.Client.Images.PullImageAsync(new() { Image = new() { Image = reference } });
        await using var pod = await TestPod.RunAsync(_gateway.Client, _gateway.Logs);
        var container = Requests.Idle();
        container.Image.Image = reference;
        var error = await Assert.ThrowsAsync<RpcException>(() => pod.CreateAsync(container));
        Assert.Contains("this image is banned", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rule_DenyImage_SeesAllThatTheRulesOfAPodSee()
    {
        await using var pod = await TestPod.RunAsync(_gateway.Client, _gateway.Logs, "", static c => c.Linux.SecurityContext.Privileged = true);
        var error = await Assert.ThrowsAsync<RpcException>(() => pod.CreateAsync(Requests.Idle()));
        Assert.Contains("privileged pods run no images here", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UnknownHandler_IsRefusedWithTheKnownOnes()
    {
        var error = await RefusedAsync("runcc", static _ => { });
        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Contains("runc", error.Status.Detail, StringComparison.Ordinal);
        Assert.Contains("crun", error.Status.Detail, StringComparison.Ordinal);
        Assert.Contains("other", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RuntimeMissing_ItsHandlerIsNotReadyAndTheRestWorks()
    {
        var (ready, reason) = await _gateway.HandlerAsync("absent");
        Assert.False(ready);
        Assert.Contains("/no/such/runtime", reason, StringComparison.Ordinal);
        var error = await RefusedAsync("absent", static _ => { });
        Assert.Contains("/no/such/runtime", error.Status.Detail, StringComparison.Ordinal);
        await GetsAsync("runc", "RuntimeClass", "runc", static _ => { });
    }

    private async Task GetsAsync(string handler, string reason, string runtimeClass, Action<PodSandboxConfig> change)
    {
        await using var pod = await TestPod.RunAsync(_gateway.Client, _gateway.Logs, runtimeClass, change);
        var row = (await _gateway.Client.Admin.ListPodsAsync(new())).Pods.Single(p => p.Id == pod.Id);
        Assert.Equal(handler, row.Handler);
        Assert.Contains(reason, row.Reason, StringComparison.Ordinal);
        var verbose = await _gateway.Client.Runtime.PodSandboxStatusAsync(new() { PodSandboxId = pod.Id, Verbose = true });
        Assert.Contains(verbose.Info.Values, v => v.Contains(JsonEncodedText.Encode(row.Reason).ToString(), StringComparison.Ordinal));
    }

    private async Task<RpcException> RefusedAsync(string runtimeClass, Action<PodSandboxConfig> change)
    {
        var error = await Assert.ThrowsAsync<RpcException>(() => TestPod.RunAsync(_gateway.Client, _gateway.Logs, runtimeClass, change));
        Assert.Empty((await _gateway.Client.Admin.ListPodsAsync(new())).Pods);
        return error;
    }
}
