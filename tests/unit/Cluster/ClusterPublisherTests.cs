using Berth.Abstractions;
using Berth.Cluster;
using Berth.Plugins;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;
using Xunit;

namespace Berth.Tests.Unit.Cluster;

/// <summary>The publisher as the gateway runs it, with a kubeconfig, against a stand-in of the API server.</summary>
public sealed class ClusterPublisherTests : IAsyncLifetime
{
    private const string Owned = """{ "app.kubernetes.io/managed-by": "berth" }""";

    private readonly ApiServer _server = new();
    private readonly TempFolder _folder = new();
    private readonly HandlerTable _table = new(PluginSnapshot.Empty);
    private readonly List<GuardedHandler> _handlers = [];
    private ClusterPublisher? _publisher;

    public async ValueTask InitializeAsync()
    {
        await _server.StartAsync();
        _server.PutNode("node-1", """{ "kubernetes.io/os": "linux" }""");
    }

    public async ValueTask DisposeAsync()
    {
        if (_publisher is not null)
        {
            await _publisher.StopAsync(CancellationToken.None);
            _publisher.Dispose();
        }

        foreach (var handler in _handlers)
        {
            await handler.DisposeAsync();
        }

        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Handlers_ComeAndGo_ClassesAndLabelsFollow()
    {
        Offer(await HandlerAsync("crun"), await HandlerAsync("vm", ready: false) with
        {
            Overhead = new() { CpuMillis = 250, MemoryBytes = 134217728 },
            Scheduling = new() { NodeSelector = new Dictionary<string, string> { ["kvm"] = "yes" }, Tolerations = [new() { Key = "vms", Effect = "NoSchedule" }] },
        });
        await StartAsync();
        await UntilAsync(() => _server.Class("vm") is not null && _server.Class("crun") is not null);

        Assert.Equal(
            """{"podFixed":{"cpu":"250m","memory":"134217728"}}""", _server.Class("vm")!["overhead"]!.ToJsonString());
        Assert.Equal(
            """{"nodeSelector":{"kvm":"yes","handler.berth.dev/vm":"true"},"tolerations":[{"effect":"NoSchedule","key":"vms","operator":"Exists"}]}""",
            _server.Class("vm")!["scheduling"]!.ToJsonString());
        Assert.Equal("vm", (string?)_server.Class("vm")!["handler"]);
        var labels = _server.Labels("node-1")!;
        Assert.Equal(("true", "false", "linux"), ((string?)labels["handler.berth.dev/crun"], (string?)labels["handler.berth.dev/vm"], (string?)labels["kubernetes.io/os"]));
        Assert.Equal("true", (string?)labels["feature.berth.dev/crun.seccomp"]);
        Assert.Null(labels["feature.berth.dev/crun.checkpoint"]);

        Offer(_table.Current.Handlers["crun"]);
        await UntilAsync(() => _server.Class("vm") is null);
        Assert.Null(_server.Labels("node-1")!["handler.berth.dev/vm"]);
        Assert.NotNull(_server.Class("crun"));
    }

    [Fact]
    public async Task HandlerThatCannotBeMade_KeepsItsClass_AndIsNotReady()
    {
        var ready = await HandlerAsync("crun");
        Offer(ready);
        await StartAsync();
        await UntilAsync(() => _server.Class("crun") is not null);

        // Quarantined before it is loaded, failed, switched off: all have no object, and a manifest that offers the handler.
        var offered = LoadedPlugin.Of(new("/p", null, PluginState.Active, ""), ApiManifest, PluginState.Quarantined, "it crashed");
        Offer(ready with { Handler = null, Failure = "it crashed", Source = offered, Overhead = new() { CpuMillis = 250 } }, await HandlerAsync("runc"));
        await UntilAsync(() => _server.Class("runc") is not null);
        Assert.Equal("false", (string?)_server.Labels("node-1")!["handler.berth.dev/crun"]);
        Assert.Null(_server.Labels("node-1")!["feature.berth.dev/crun.seccomp"]);
        Assert.Equal("250m", (string?)_server.Class("crun")!["overhead"]!["podFixed"]!["cpu"]);
        Assert.DoesNotContain("DELETE crun", _server.Writes);

        // Offered by nobody, or disabled by plugins.json: pods are told that there is no such handler.
        Offer(ready with { Handler = null, Failure = "no plugin" }, ready with { Name = "lame", Disabled = true, Source = offered, Handler = null }, _table.Current.Handlers["runc"]);
        await UntilAsync(() => _server.Class("crun") is null);
        Assert.Null(_server.Class("lame"));
    }

    [Theory]
    [InlineData("{{{")]
    [InlineData("- a list")]
    [InlineData("")]
    [InlineData("just words")]
    [InlineData("apiVersion: v1\nkind: Config\nclusters: 7\n")]
    [InlineData("SERVER: no url")]
    [InlineData("server: \"https://127.0.0.1:PORT\", certificate-authority-data: \"%%%\"")]
    [InlineData("server: \"https://127.0.0.1:PORT\", certificate-authority-data: bm8gY2VydGlmaWNhdGU=")]
    [InlineData("user: { client-certificate-data: bm8=, client-key-data: bm8= }")]
    [InlineData("user: { client-certificate-data: '%', client-key-data: '%' }")]
    [InlineData("user: { exec: { apiVersion: client.authentication.k8s.io/v1, command: /no/such/program, interactiveMode: Never } }")]
    [InlineData("user: { tokenFile: /no/such/token }")]
    public async Task KubeconfigThatIsWrong_EndsNobody_AndIsReadAgain(string wrong)
    {
        Offer(await HandlerAsync("crun"));
        var kubeconfig = Path.Combine(_folder.Path, "kubeconfig");
        _folder.Write("kubeconfig", Broken(wrong));
        var log = new Said();
        using var notices = new ClusterEventsRun(kubeconfig, _table);
        _publisher = new(new() { Kubeconfig = kubeconfig, Node = "node-1" }, _table, TimeProvider.System, log) { Interval = TimeSpan.FromMilliseconds(10) };
        await _publisher.StartAsync(TestContext.Current.CancellationToken);
        await notices.Events.StartAsync(TestContext.Current.CancellationToken);
        await UntilAsync(() => !log.Lines.IsEmpty && !notices.Log.Lines.IsEmpty);
        Assert.False(_publisher.ExecuteTask!.IsCompleted);
        Assert.False(notices.Events.ExecuteTask!.IsCompleted);
        Assert.Empty(_server.Writes);

        await File.WriteAllTextAsync(kubeconfig + ".new", _server.Kubeconfig, TestContext.Current.CancellationToken);
        File.Move(kubeconfig + ".new", kubeconfig, overwrite: true);
        await UntilAsync(() => _server.Class("crun") is not null && _server.Events.Count > 0);
        await notices.Events.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task AnswerThatIsNone_EndsNobody()
    {
        _server.PutClass("crun", """{ "kind": "RuntimeClass", "apiVersion": "node.k8s.io/v1", "metadata": { "name": "crun" }, "handler": 7 }""");
        Offer(await HandlerAsync("crun"));
        var log = new Said();
        _publisher = new(new() { Kubeconfig = _folder.Write("kubeconfig", _server.Kubeconfig), Node = "node-1" }, _table, TimeProvider.System, log) { Interval = TimeSpan.FromMilliseconds(10) };
        await _publisher.StartAsync(TestContext.Current.CancellationToken);
        await UntilAsync(() => log.Lines.Any(static l => l.Contains("could not be told", StringComparison.Ordinal)));
        Assert.False(_publisher.ExecuteTask!.IsCompleted);
    }

    [Fact]
    public async Task ClassOfSomebodyElse_IsNeitherChangedNorRemoved()
    {
        const string Theirs = """{ "kind": "RuntimeClass", "apiVersion": "node.k8s.io/v1", "metadata": { "name": "crun" }, "handler": "other" }""";
        _server.PutClass("crun", Theirs);
        _server.PutClass("gone", Theirs.Replace("\"crun\"", "\"gone\"", StringComparison.Ordinal));
        Offer(await HandlerAsync("crun"), await HandlerAsync("runc"));
        await StartAsync();
        await UntilAsync(() => _server.Class("runc") is not null);

        Offer(_table.Current.Handlers["runc"]);
        await UntilAsync(() => _server.Labels("node-1")!["handler.berth.dev/crun"] is null);
        Offer();
        await UntilAsync(() => _server.Class("runc") is null);

        Assert.Equal("other", (string?)_server.Class("crun")!["handler"]);
        Assert.NotNull(_server.Class("gone"));
        Assert.DoesNotContain(_server.Writes, static w => w is "PUT crun" or "DELETE crun" or "DELETE gone");
    }

    [Fact]
    public async Task ClassThatAnotherNodeStillNeeds_Stays()
    {
        _server.PutNode("node-2", """{ "handler.berth.dev/crun": "false" }""");
        Offer(await HandlerAsync("crun"), await HandlerAsync("runc"));
        await StartAsync();
        await UntilAsync(() => _server.Class("runc") is not null);
        Offer();
        await UntilAsync(() => _server.Class("runc") is null);
        Assert.NotNull(_server.Class("crun"));
    }

    [Fact]
    public async Task Conflict_IsReadAnewAndKeepsWhatTheOtherWrote()
    {
        _server.PutClass("crun", $$"""{ "kind": "RuntimeClass", "apiVersion": "node.k8s.io/v1", "metadata": { "name": "crun", "labels": {{Owned}} }, "handler": "crun" }""");
        var interfered = false;
        _server.Before = (method, path) =>
        {
            if (method == "PUT" && !interfered)
            {
                interfered = true;
                var item = _server.Class("crun")!;
                item["metadata"]!["labels"]!["team"] = "other";
                _server.PutClass("crun", item.ToJsonString());
            }
        };
        Offer(await HandlerAsync("crun"));
        await StartAsync();
        await UntilAsync(() => _server.Class("crun")!["scheduling"] is not null);

        Assert.Equal(["PUT crun", "PUT crun"], _server.Writes.Where(static w => w == "PUT crun"));
        Assert.Equal("other", (string?)_server.Class("crun")!["metadata"]!["labels"]!["team"]);
    }

    [Fact]
    public async Task ClassOfANewerPlugin_IsLeftToThatNode()
    {
        _server.PutClass("crun", $$"""
            { "kind": "RuntimeClass", "apiVersion": "node.k8s.io/v1",
              "metadata": { "name": "crun", "labels": {{Owned}}, "annotations": { "berth.dev/plugin-version": "1.10.0" } }, "handler": "crun" }
            """);
        Offer(await HandlerAsync("crun"), await HandlerAsync("runc"));
        await StartAsync();
        await UntilAsync(() => _server.Class("runc") is not null);
        Assert.DoesNotContain("PUT crun", _server.Writes);
    }

    [Fact]
    public async Task NothingChanged_NothingIsWritten()
    {
        Offer(await HandlerAsync("crun"));
        await StartAsync();
        await UntilAsync(() => _server.Class("crun") is not null);
        var writes = _server.Writes.Count;

        // A second gateway of the node, as after a restart.
        using var second = Create();
        var reads = 0;
        _server.Before = (method, path) => reads += method == "GET" && path.EndsWith("/runtimeclasses", StringComparison.Ordinal) ? 1 : 0;
        await second.StartAsync(TestContext.Current.CancellationToken);
        await UntilAsync(() => Volatile.Read(ref reads) > 0);
        await second.StopAsync(TestContext.Current.CancellationToken);

        Assert.Equal(writes, _server.Writes.Count);
    }

    [Fact]
    public async Task NoServer_NothingHappensUntilItIsThere()
    {
        await _server.DisposeAsync();
        Offer(await HandlerAsync("crun"));
        await StartAsync();
        await _server.StartAsync();
        await UntilAsync(() => _server.Class("crun") is not null);
    }

    [Fact]
    public async Task NotConfigured_EndsAtOnce()
    {
        using var publisher = new ClusterPublisher(new(), _table, TimeProvider.System, NullLogger<ClusterPublisher>.Instance);
        await publisher.StartAsync(TestContext.Current.CancellationToken);
        await publisher.ExecuteTask!;
    }

    private static PluginManifest ApiManifest { get; } = new()
    {
        Id = "p",
        Version = "1.2.0",
        Assembly = "p.dll",
        Contract = new("1.0", "1.0"),
        Handlers = new Dictionary<string, ManifestHandler> { ["crun"] = new() },
    };

    // A whole file, or what is in the place of its cluster or user.
    private string Broken(string wrong)
    {
        var text = wrong.StartsWith("server:", StringComparison.Ordinal) ? _server.Kubeconfig.Replace($"server: \"http://127.0.0.1:{_server.Port}\"", wrong, StringComparison.Ordinal)
            : wrong.StartsWith("SERVER:", StringComparison.Ordinal) ? _server.Kubeconfig.Replace($"http://127.0.0.1:{_server.Port}", wrong[8..], StringComparison.Ordinal)
            : wrong.StartsWith("user:", StringComparison.Ordinal) ? _server.Kubeconfig.Replace("user: { token: t }", wrong, StringComparison.Ordinal)
            : wrong;
        return text.Replace("PORT", $"{_server.Port}", StringComparison.Ordinal);
    }

    private void Offer(params HandlerEntry[] handlers) => _table.Swap(new([], handlers));

    private async Task<HandlerEntry> HandlerAsync(string name, bool ready = true)
    {
        var inner = new Mock<IRuntimeHandler>();
        inner.Setup(static h => h.CheckAsync(It.IsAny<CancellationToken>())).ReturnsAsync(new HandlerCheck { Ready = ready, Reason = "no kvm", Features = new() { Seccomp = true } });
        var handler = new GuardedHandler(inner.Object, new("p", name, static _ => { }, TimeProvider.System, NullLogger.Instance), TimeProvider.System, NullLogger.Instance);
        _handlers.Add(handler);
        await handler.Health.RefreshAsync(TestContext.Current.CancellationToken);
        return new() { Name = name, Plugin = "p", PluginVersion = "1.2.0", Handler = handler };
    }

    private async Task StartAsync()
    {
        _publisher = Create();
        await _publisher.StartAsync(TestContext.Current.CancellationToken);
    }

    private ClusterPublisher Create() => new(
        new() { Kubeconfig = _folder.Write("kubeconfig", _server.Kubeconfig), Node = "node-1" }, _table, TimeProvider.System, NullLogger<ClusterPublisher>.Instance)
    {
        Interval = TimeSpan.FromMilliseconds(50),
    };

    private static async Task UntilAsync(Func<bool> holds)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(30));
        while (!holds())
        {
            await Task.Delay(20, limit.Token);
        }
    }

    private sealed class Said : Microsoft.Extensions.Logging.ILogger<ClusterPublisher>, Microsoft.Extensions.Logging.ILogger<ClusterEvents>
    {
        public System.Collections.Concurrent.ConcurrentQueue<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(Microsoft.Extensions.Logging.LogLevel logLevel) => true;

        public void Log<TState>(Microsoft.Extensions.Logging.LogLevel logLevel, Microsoft.Extensions.Logging.EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception));
    }

    // What tells of events, with something to tell.
    private sealed class ClusterEventsRun : IDisposable
    {
        public ClusterEventsRun(string kubeconfig, HandlerTable table)
        {
            var notices = new Berth.Common.Notices(isOn: true);
            notices.Post(new(new("shop", "web", "uid-1"), "HandlerChosen", "handler crun", IsWarning: false));
            Events = new(new() { Kubeconfig = kubeconfig, Node = "node-1" }, notices, table, TimeProvider.System, Log) { Interval = TimeSpan.FromMilliseconds(10) };
        }

        public Said Log { get; } = new();

        public ClusterEvents Events { get; }

        public void Dispose() => Events.Dispose();
    }
}
