using Berth.Cluster;
using Berth.Common;
using Berth.Plugins;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Berth.Tests.Unit.Cluster;

/// <summary>Events as the gateway tells them, with a kubeconfig, against a stand-in of the API server.</summary>
public sealed class ClusterEventsTests : IAsyncLifetime
{
    private static readonly Notice Chosen = new(new("shop", "web", "uid-1"), "HandlerChosen", "handler runsc (plugin oci 1.0.0): rule 'untrusted'", IsWarning: false);

    private readonly ApiServer _server = new();
    private readonly TempFolder _folder = new();
    private readonly HandlerTable _table = new(PluginSnapshot.Empty);
    private readonly Notices _notices = new(isOn: true);
    private readonly ClusterEvents _events;

    public ClusterEventsTests() => _events = Create("kubeconfig");

    public async ValueTask InitializeAsync() => await _server.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _events.StopAsync(CancellationToken.None);
        _events.Dispose();
        await _server.DisposeAsync();
        _folder.Dispose();
        _table.Dispose();
    }

    [Fact]
    public async Task Notice_OfAPod_IsAnEventThatRegardsIt()
    {
        _notices.Post(Chosen with { Message = Chosen.Message + "\n" + new string('é', 2000) });
        await StartAsync();
        await UntilAsync(() => _server.Events.Count == 1);
        var item = _server.Events[0];
        Assert.Equal(("shop", "HandlerChosen", "Normal", "berth.dev/gateway", "node-1"), (Text("metadata", "namespace"), Text("reason"), Text("type"), Text("reportingController"), Text("reportingInstance")));
        Assert.Equal(("Pod", "shop", "web", "uid-1"), (Text("regarding", "kind"), Text("regarding", "namespace"), Text("regarding", "name"), Text("regarding", "uid")));
        Assert.StartsWith("handler runsc (plugin oci 1.0.0): rule 'untrusted' é", Text("note"), StringComparison.Ordinal);
        Assert.InRange(System.Text.Encoding.UTF8.GetByteCount(Text("note")!), 900, 1024);
        Assert.NotNull(Text("eventTime"));
        Assert.NotNull(Text("action"));

        string? Text(string key, string? below = null) => (string?)(below is null ? item[key] : item[key]![below]);
    }

    [Fact]
    public async Task HandlerAndPlugin_ThatFail_AreEventsOfTheNode()
    {
        _table.Swap(new([new("acme", "1.1.0", "/p/acme", PluginState.Quarantined, "it crashed 3 times")], [new() { Name = "acme", Plugin = "acme", Failure = "its plugin is gone" }]));
        await StartAsync();
        await UntilAsync(() => _server.Events.Count == 2);
        Assert.All(_server.Events, static e => Assert.Equal(("Node", "node-1", "default", "Warning"), ((string?)e["regarding"]!["kind"], (string?)e["regarding"]!["name"], (string?)e["metadata"]!["namespace"], (string?)e["type"])));
        Assert.Equal(
            ["HandlerFailed: handler acme takes no new pods: its plugin is gone", "PluginQuarantined: plugin acme 1.1.0 in /p/acme is Quarantined: it crashed 3 times"],
            _server.Events.Select(static e => $"{e["reason"]}: {e["note"]}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task NoServer_NoticesWait_AndTheRestIsDropped()
    {
        await _server.DisposeAsync();
        await StartAsync();
        for (var i = 0; i < 1000; i++)
        {
            _notices.Post(Chosen with { Pod = new("shop", $"web-{i}", $"uid-{i}") });
        }

        Assert.Equal(1000 - 256, _notices.TakeDropped());
        await _server.StartAsync();
        // The burst that all pods of a node share.
        await UntilAsync(() => _server.Events.Count >= 90);
        await UntilAsync(() => _notices.TryTake() is null);
        Assert.InRange(_server.Events.Count, 90, 130);
    }

    [Fact]
    public async Task NamespaceThatIsGone_HoldsUpNobody()
    {
        _server.Gone = "old";
        _notices.Post(Chosen with { Pod = new("old", "web", "uid-0") });
        _notices.Post(Chosen);
        await StartAsync();
        await UntilAsync(() => _server.Events.Count == 1);
        Assert.Equal("shop", (string?)_server.Events[0]["metadata"]!["namespace"]);
    }

    [Fact]
    public async Task NotConfigured_NothingIsKept_AndItEndsAtOnce()
    {
        var off = new Notices(isOn: false);
        off.Post(Chosen);
        Assert.Null(off.TryTake());
        using var events = new ClusterEvents(new(), off, _table, TimeProvider.System, NullLogger<ClusterEvents>.Instance);
        await events.StartAsync(TestContext.Current.CancellationToken);
        await events.ExecuteTask!;
    }

    [Fact]
    public void Limit_CountsRepetitions_AndBoundsSubjects()
    {
        var time = new FakeTimeProvider();
        var limit = new EventLimit(time);
        var first = limit.Admit(Chosen)!;
        Assert.Equal(1, first.Count);
        for (var i = 0; i < 29; i++)
        {
            Assert.Null(limit.Admit(Chosen));
            time.Advance(TimeSpan.FromSeconds(2));
        }

        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(new(first.Name, 31), limit.Admit(Chosen));

        // One pod with ever new messages gets ten, and then one a minute.
        Assert.Equal(9, Enumerable.Range(0, 100).Count(i => limit.Admit(Chosen with { Message = $"{i}" }) is not null));
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(1, Enumerable.Range(100, 100).Count(i => limit.Admit(Chosen with { Message = $"{i}" }) is not null));

        // Ten minutes after the first it is a new event.
        time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(1, limit.Admit(Chosen)!.Count);
    }

    [Fact]
    public void Limit_BoundsAllTogether()
    {
        var time = new FakeTimeProvider();
        var limit = new EventLimit(time);
        Assert.Equal(100, Enumerable.Range(0, 500).Count(i => limit.Admit(Chosen with { Pod = new("a", $"{i}", "") }) is not null));
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(5, Enumerable.Range(500, 500).Count(i => limit.Admit(Chosen with { Pod = new("a", $"{i}", "") }) is not null));
    }

    [Fact]
    public void Watch_TellsChangesOnce()
    {
        var watch = new HandlerWatch();
        HandlerEntry broken = new() { Name = "acme", Plugin = "acme", Failure = "broken" };
        Assert.Equal(["HandlerFailed"], watch.Look(new([], [broken])).Select(static n => n.Reason));
        Assert.Empty(watch.Look(new([], [broken])));
        Assert.Equal(["HandlerDisabled"], watch.Look(new([], [broken with { PluginOff = true }])).Select(static n => n.Reason));
        Assert.Equal(["HandlerGone"], watch.Look(new([], [])).Select(static n => n.Reason));
        Assert.Equal(["PluginIncompatible"], watch.Look(new([new("acme", "2.0.0", "/p", PluginState.Incompatible, "contract")], [])).Select(static n => n.Reason));
    }

    private async Task StartAsync()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder.Path, "kubeconfig"), _server.Kubeconfig, TestContext.Current.CancellationToken);
        await _events.StartAsync(TestContext.Current.CancellationToken);
    }

    private ClusterEvents Create(string kubeconfig) => new(
        new() { Kubeconfig = Path.Combine(_folder.Path, kubeconfig), Node = "node-1" }, _notices, _table, TimeProvider.System, NullLogger<ClusterEvents>.Instance)
    {
        Interval = TimeSpan.FromMilliseconds(20),
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
}
