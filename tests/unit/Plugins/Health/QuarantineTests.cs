using Berth.Abstractions;
using Berth.Configuration;
using Berth.Plugins;
using Berth.Plugins.Health;
using Berth.State;
using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Moq;
using Xunit;

namespace Berth.Tests.Unit.Plugins.Health;

public sealed class QuarantineTests : IDisposable
{
    private static readonly HealthOptions Options = new();

    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(50));
    private readonly StateDatabase _database;
    private readonly QuarantineFixture _quarantine;
    private readonly HandlerStanding _standing;

    public QuarantineTests()
    {
        _database = new(Path.Combine(_folder.Path, "berth.db"));
        _quarantine = new(_database, _time);
        _standing = Of(_quarantine, "1");
    }

    public void Dispose()
    {
        _quarantine.Dispose();
        _database.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Faults_OfManyPods_SpendTheBudget()
    {
        Spend(Options.Faults - 1);
        Assert.Null(_standing.Quarantined);
        _standing.Charge("last", "a hang");

        Assert.Equal(_time.GetUtcNow() + Options.Quarantine, _standing.Quarantined!.Until);
        Assert.Contains("5 faults within 10 minutes, the last: a hang", _standing.Quarantined.Text, StringComparison.Ordinal);
        Assert.Contains("berth plugin release p", _standing.Quarantined.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Faults_OfOnePod_CountOnce()
    {
        for (var i = 0; i < 100; i++)
        {
            _standing.Charge("the only one", "a hang");
        }

        Assert.Null(_standing.Quarantined);
    }

    [Fact]
    public void Faults_OfNoPod_CountEach()
    {
        for (var i = 0; i < Options.Faults; i++)
        {
            _standing.Charge(null, "a crash");
        }

        Assert.NotNull(_standing.Quarantined);
    }

    [Fact]
    public void Faults_FarApart_AreForgotten()
    {
        for (var i = 0; i < 100; i++)
        {
            _standing.Charge($"{i}", "a hang");
            _time.Advance(Options.Window / (Options.Faults - 1));
        }

        Assert.Null(_standing.Quarantined);
    }

    [Fact]
    public void Faults_WithoutABudget_QuarantineNobody()
    {
        using var quarantine = new QuarantineFixture(_database, _time, static () => Options with { Faults = 0 });
        var standing = Of(quarantine, "1");
        for (var i = 0; i < 100; i++)
        {
            standing.Charge($"{i}", "a hang");
        }

        Assert.Null(standing.Quarantined);
    }

    [Fact]
    public void Offences_InARow_LastLongerEachTimeUpToALimit()
    {
        Spend(Options.Faults);
        for (var expected = Options.Quarantine; expected < Options.LongestQuarantine; expected *= 2)
        {
            Assert.Equal(expected, Left());
            _time.Advance(expected);
            _quarantine.It.Fail(_standing.Quarantined!, "not well");
        }

        Assert.Equal(Options.LongestQuarantine, Left());
    }

    [Fact]
    public void LetGo_OneFaultSoonAfter_IsOneTooMany()
    {
        Spend(Options.Faults);
        _quarantine.It.Pass(_standing.Quarantined!);
        Assert.Null(_standing.Quarantined);

        _standing.Charge("one", "a hang");

        Assert.Equal(2 * Options.Quarantine, Left());
        Assert.Contains("it failed again soon after it was let go of: a hang", _standing.Quarantined!.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void LetGo_WellForLong_NothingIsHeldAgainstIt()
    {
        Spend(Options.Faults);
        _quarantine.It.Pass(_standing.Quarantined!);
        _time.Advance(Options.LongestQuarantine + TimeSpan.FromSeconds(1));

        _standing.Charge("one", "a hang");
        Assert.Null(_standing.Quarantined);
        Spend(Options.Faults);
        Assert.Equal(Options.Quarantine, Left());
    }

    [Fact]
    public void Released_HasACleanSheet()
    {
        Spend(Options.Faults);
        Assert.Single(_quarantine.It.Release("p"));
        Spend(Options.Faults - 1);
        Assert.Null(_standing.Quarantined);
        Assert.Empty(_quarantine.It.Release("p"));
    }

    [Fact]
    public void OtherVersion_HasACleanSheet()
    {
        Spend(Options.Faults);
        Assert.Null(Of(_quarantine, "2").Quarantined);
    }

    [Fact]
    public void Restart_ForgetsNothing()
    {
        Spend(Options.Faults);
        using var next = new QuarantineFixture(_database, _time);
        Assert.Equal(_standing.Quarantined!.Text, Of(next, "1").Quarantined!.Text);
    }

    /// <summary>Each of the four counts from the next fault on, as a reload brings it.</summary>
    [Fact]
    public void Limits_AreThoseInForce()
    {
        var options = Options with { Faults = 0 };
        using var reloaded = new QuarantineFixture(_database, _time, () => options);
        var standing = Of(reloaded, "reloaded");
        Charge(20);
        Assert.Null(standing.Quarantined);

        options = options with { Faults = 3, Window = TimeSpan.FromMinutes(2) };
        Charge(2);
        _time.Advance(TimeSpan.FromMinutes(3));
        Charge(2);
        Assert.Null(standing.Quarantined);
        Charge(1);
        Assert.Equal(_time.GetUtcNow() + options.Quarantine, standing.Quarantined!.Until);

        options = options with { Quarantine = TimeSpan.FromMinutes(7) };
        reloaded.It.Fail(standing.Quarantined!, "not well");
        Assert.Equal(_time.GetUtcNow() + TimeSpan.FromMinutes(14), standing.Quarantined!.Until);
        options = options with { LongestQuarantine = TimeSpan.FromMinutes(8) };
        reloaded.It.Fail(standing.Quarantined!, "not well");
        Assert.Equal(_time.GetUtcNow() + TimeSpan.FromMinutes(8), standing.Quarantined!.Until);

        void Charge(int faults)
        {
            for (var i = 0; i < faults; i++)
            {
                standing.Charge($"{Guid.NewGuid()}", "a hang");
            }
        }
    }

    [Fact]
    public void Suspicion_TwiceWithinTheTime_Convicts()
    {
        Suspect();
        _time.Advance(Options.Window);
        Suspect();
        Assert.Null(_standing.Quarantined);
        Suspect();
        Assert.NotNull(_standing.Quarantined);
    }

    [Fact]
    public void Suspicion_OfWhatTakesWeeks_IsRememberedAsLong()
    {
        var memory = TimeSpan.FromDays(30);
        Suspect(memory);
        _time.Advance(memory / 2);
        // A start forgets what is over, and not this.
        _quarantine.It.Load();
        Suspect(memory);
        Assert.NotNull(_standing.Quarantined);

        var other = _quarantine.It.StandingOf(new HandlerKey("h", "other"), "p", "1.0.0");
        _quarantine.It.Suspect(other, "a death", isHeld: false, memory);
        _time.Advance(memory);
        _quarantine.It.Suspect(other, "a death", isHeld: false, memory);
        Assert.Null(other.Quarantined);
        _quarantine.It.Suspect(other, "a death", isHeld: false);
        Assert.NotNull(other.Quarantined);
    }

    [Fact]
    public void Death_WhileQuarantined_IsHeldBack()
    {
        _quarantine.It.Convict(_standing, "it died", isHeld: false);
        Assert.False(_standing.Quarantined!.IsHeld);
        _quarantine.It.Convict(_standing, "it died", isHeld: false);
        Assert.True(_standing.Quarantined!.IsHeld);
    }

    [Fact]
    public async Task Guard_HangsAndNonsense_AreCharged_RefusalsAndChecksAreNot()
    {
        var inner = new Mock<IRuntimeHandler>();
        inner.Setup(static h => h.CheckAsync(It.IsAny<CancellationToken>())).ThrowsAsync(new InvalidCastException());
        inner.Setup(static h => h.DestroySandboxAsync(It.IsAny<DestroyRequest>(), It.IsAny<CancellationToken>())).ThrowsAsync(RuntimeException.Unavailable("not now"));
        inner.Setup(static h => h.ListOwnedAsync(It.IsAny<CancellationToken>())).ThrowsAsync(new InvalidCastException());
        await using var handler = new GuardedHandler(inner.Object, new("p", "h", static _ => { }, _time, NullLogger.Instance, _standing), _time, NullLogger.Instance);
        for (var i = 0; i < 2 * Options.Faults; i++)
        {
            await Assert.ThrowsAsync<RuntimeException>(() => handler.CheckAsync(default));
            await Assert.ThrowsAsync<RuntimeException>(() => handler.DestroySandboxAsync(new() { SandboxId = $"{i}", PrivateDirectory = "/p" }, default));
        }

        Assert.Null(_standing.Quarantined);
        for (var i = 0; i < Options.Faults; i++)
        {
            await Assert.ThrowsAsync<RuntimeException>(() => handler.ListOwnedAsync(default));
        }

        var entry = new HandlerEntry { Name = "h", Plugin = "p", Handler = handler, Standing = _standing };
        Assert.Equal((false, PluginState.Quarantined), (entry.Ready, entry.State));
        Assert.Contains("InvalidCastException", entry.Reason, StringComparison.Ordinal);
    }

    /// <summary>From the quarantine on, and not before, whoever can end what hangs is asked to: at the fault that brings it, and at each after it.</summary>
    [Fact]
    public async Task Guard_QuarantinedWithCallsThatHang_AsksForTheirEnd()
    {
        var asked = new List<string>();
        var inner = new Mock<IRuntimeHandler>();
        inner.Setup(static h => h.DestroySandboxAsync(It.IsAny<DestroyRequest>(), It.IsAny<CancellationToken>())).Returns(new TaskCompletionSource().Task);
        await using var handler = new GuardedHandler(inner.Object, new("p", "h", static _ => { }, _time, NullLogger.Instance, _standing, onQuarantined: asked.Add), _time, NullLogger.Instance);
        for (var i = 1; i <= Options.Faults + 1; i++)
        {
            var call = handler.DestroySandboxAsync(new() { SandboxId = $"{i}", PrivateDirectory = "/p" }, default);
            _time.Advance(PluginDeadlines.Destroy);
            await Assert.ThrowsAsync<RuntimeException>(() => call);
            Assert.Equal(Math.Max(0, i - Options.Faults + 1), asked.Count);
        }

        Assert.All(asked, static reason => Assert.Contains("gave no answer to DestroySandbox", reason, StringComparison.Ordinal));
    }

    // Whatever happens in whatever order: it is quarantined for no less than the first time, and no more than the longest.
    [Fact]
    public void AnyHistory_StaysWithinItsBounds() => Gen.Int[0, 5].Array[1, 40].Sample(
        deeds =>
        {
            var one = new QuarantineCase { Handler = "h", Instance = "i", Plugin = "p", PluginVersion = "1", Since = DateTimeOffset.UnixEpoch };
            var now = DateTimeOffset.UnixEpoch;
            foreach (var deed in deeds)
            {
                var before = one;
                one = deed switch
                {
                    0 => one.Convict("a", false, now, Options),
                    1 => one.Suspect("b", false, now, Options),
                    2 => one.Suspect("c", true, now, Options),
                    3 => one.LetGo(now),
                    _ => one,
                };
                if (one.Until is { } until && until != before.Until)
                {
                    Assert.InRange(until - now, Options.Quarantine, Options.LongestQuarantine);
                    Assert.True(one.Offences > 0 && one.Reason.Length > 0);
                }

                Assert.False(one.IsOpen && one.IsOver(now, Options));
                now += deed == 4 ? Options.LongestQuarantine * 2 : Options.Window / 7;
            }
        });

    private static HandlerStanding Of(QuarantineFixture quarantine, string instance) => quarantine.It.StandingOf(new HandlerKey("h", instance), "p", "1.0.0");

    private void Suspect(TimeSpan? memory = null) => _quarantine.It.Suspect(_standing, "a death", isHeld: false, memory);

    private TimeSpan Left() => _standing.Quarantined!.Until!.Value - _time.GetUtcNow();

    private void Spend(int faults)
    {
        for (var i = 0; i < faults; i++)
        {
            _standing.Charge($"pod {i}", "a hang");
        }
    }
}
