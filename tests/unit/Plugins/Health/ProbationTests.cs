using Berth.Abstractions;
using Berth.Plugins;
using Berth.Reload;
using Berth.State;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;
using Xunit;

namespace Berth.Tests.Unit.Plugins.Health;

public sealed class ProbationTests : IAsyncDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    private readonly TempFolder _folder = new();
    private readonly StateDatabase _database;
    private readonly QuarantineFixture _quarantine;
    private readonly HandlerTable _table = new(PluginSnapshot.Empty);
    private readonly Mock<IReloader> _reloader = new();
    private readonly Probation _probation;

    public ProbationTests()
    {
        _database = new(Path.Combine(_folder.Path, "berth.db"));
        // The case alone decides when it is tried.
        _quarantine = new(_database, TimeProvider.System, static () => new() { Quarantine = TimeSpan.FromMilliseconds(1), LongestQuarantine = TimeSpan.FromHours(1) });
        _probation = new(_table, _quarantine.It, _reloader.Object, TimeProvider.System, NullLogger<Probation>.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        await _probation.StopAsync(CancellationToken.None);
        _probation.Dispose();
        _table.Dispose();
        _quarantine.Dispose();
        _database.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Due_ItsCheckDecides_AndOneThatHangsHoldsUpNobody()
    {
        var (well, hangs, sick) = (Entry("well", Ready(true)), Entry("hangs", new TaskCompletionSource<HandlerCheck>().Task), Entry("sick", Ready(false)));
        _table.Swap(new([], [hangs, sick, well]));
        foreach (var one in new[] { hangs, sick, well })
        {
            _quarantine.It.Convict(one.Standing!, "it died", isHeld: false);
        }

        await _probation.StartAsync(CancellationToken.None);

        await UntilAsync(() => well.Ready && sick.Standing!.Quarantined is { Offences: > 3 });
        Assert.Contains("it was tried and is not well: no kernel", sick.Reason, StringComparison.Ordinal);
        Assert.Equal(1, hangs.Standing!.Quarantined!.Offences);
    }

    [Fact]
    public async Task Due_Held_IsLoadedFirst()
    {
        var entry = Entry("h", Ready(true));
        _table.Swap(new([], [entry with { Handler = null, Failure = "held" }]));
        _quarantine.It.Convict(entry.Standing!, "it died", isHeld: true);
        _reloader.Setup(static r => r.ReloadAsync("probation", true, It.IsAny<CancellationToken>())).Callback(() =>
        {
            Assert.Equal((true, false), (entry.Standing!.Quarantined is not null, entry.Standing.Quarantined!.IsHeld));
            _table.Swap(new([], [entry]));
        }).ReturnsAsync(ReloadState.None);

        await _probation.StartAsync(CancellationToken.None);
        await UntilAsync(() => entry.Ready);
    }

    [Fact]
    public async Task Due_NotThereAnyMore_IsForgotten()
    {
        var entry = Entry("gone", Ready(true));
        _quarantine.It.Convict(entry.Standing!, "it died", isHeld: false);
        await _probation.StartAsync(CancellationToken.None);
        await UntilAsync(() => _quarantine.It.Open.Count == 0);
    }

    [Fact]
    public async Task Release_UnknownPlugin_NamesTheNearest()
    {
        _table.Swap(new([new("oci", "1.0.0", "/oci", PluginState.Active, "")], []));
        var refusal = await Assert.ThrowsAsync<RuntimeException>(() => _probation.ReleaseAsync("ocj", default));
        Assert.Contains("did you mean 'oci'", refusal.Message, StringComparison.Ordinal);
        await _probation.ReleaseAsync("oci", default);
    }

    private static Task<HandlerCheck> Ready(bool ready) => Task.FromResult(new HandlerCheck { Ready = ready, Reason = ready ? null : "no kernel" });

    private static async Task UntilAsync(Func<bool> holds)
    {
        using var limit = new CancellationTokenSource(Soon);
        while (!holds())
        {
            await Task.Delay(5, limit.Token);
        }
    }

    private HandlerEntry Entry(string name, Task<HandlerCheck> check)
    {
        var inner = new Mock<IRuntimeHandler>();
        inner.Setup(static h => h.CheckAsync(It.IsAny<CancellationToken>())).Returns(check);
        var standing = _quarantine.It.StandingOf(new HandlerKey(name, "1"), "p", "1.0.0");
        var handler = new GuardedHandler(inner.Object, new("p", name, static _ => { }, TimeProvider.System, NullLogger.Instance, standing), TimeProvider.System, NullLogger.Instance);
        return new() { Name = name, Plugin = "p", PluginDigest = "d", Instance = "1", Handler = handler, Standing = standing };
    }
}
