using Berth.Abstractions;
using Berth.Plugins;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Moq;
using Xunit;

namespace Berth.Tests.Unit.Plugins;

public sealed class GuardedHandlerTests : IAsyncDisposable
{
    private static readonly DestroyRequest Destroy = new() { SandboxId = "s", PrivateDirectory = "/p" };

    private static readonly StartSandboxRequest Start = new()
    {
        Sandbox = new()
        {
            SandboxId = "s",
            Pod = new() { Name = "n", Namespace = "ns", Uid = "u" },
            PrivateDirectory = "/p",
            BundlePath = "/b",
            Hostname = "h",
            Cgroup = new() { Path = "/c", OverheadPath = "/c/o" },
        },
    };

    private static readonly CreateContainerRequest Container = new()
    {
        SandboxId = "s",
        ContainerId = "c",
        Name = "c",
        BundlePath = "/b",
        PrivateDirectory = "/p",
        Rootfs = new() { Form = RootfsForm.Mounted, Path = "/r" },
        ImageId = "i",
        Cgroup = new() { Path = "/c", OverheadPath = "/c/o" },
    };

    private readonly Mock<IRuntimeHandler> _inner = new();
    private readonly FakeTimeProvider _time = new();
    private readonly List<PluginCall> _calls = [];
    private readonly GuardedHandler _handler;

    public GuardedHandlerTests() =>
        _handler = new(_inner.Object, new("oci", "runc", _calls.Add, _time, NullLogger.Instance), _time, NullLogger.Instance);

    public ValueTask DisposeAsync() => _handler.DisposeAsync();

    [Fact]
    public async Task Call_ForeignException_NamesPluginVerbAndHandler()
    {
        _inner.Setup(static h => h.DestroySandboxAsync(Destroy, It.IsAny<CancellationToken>())).ThrowsAsync(new InvalidCastException("oops"));

        var e = await Assert.ThrowsAsync<RuntimeException>(() => _handler.DestroySandboxAsync(Destroy, default));

        Assert.Equal(RuntimeErrorCode.Internal, e.Code);
        Assert.Equal("plugin oci failed in DestroySandbox of handler runc: InvalidCastException: oops", e.Message);
        Assert.Equal((1, 1), (_handler.Calls, _handler.Faults));
        Assert.Equal(PluginCallOutcome.Broken, Assert.Single(_calls).Outcome);
    }

    [Fact]
    public async Task Call_ContractException_PassesAsItIs()
    {
        var refusal = RuntimeException.NotFound("no such thing");
        _inner.Setup(static h => h.DestroySandboxAsync(Destroy, It.IsAny<CancellationToken>())).ThrowsAsync(refusal);

        Assert.Same(refusal, await Assert.ThrowsAsync<RuntimeException>(() => _handler.DestroySandboxAsync(Destroy, default)));
        Assert.Equal((1, 0), (_handler.Calls, _handler.Faults));
        Assert.Equal(PluginCallOutcome.Refused, Assert.Single(_calls).Outcome);
    }

    [Fact]
    public async Task Call_NoAnswer_EndsAtTheDeadlineEvenIfTheTokenIsIgnored()
    {
        var entered = new TaskCompletionSource();
        _inner.Setup(static h => h.DestroySandboxAsync(Destroy, It.IsAny<CancellationToken>())).Returns(() =>
        {
            entered.SetResult();
            return new TaskCompletionSource().Task;
        });

        var call = _handler.DestroySandboxAsync(Destroy, default);
        await entered.Task;
        _time.Advance(PluginDeadlines.Destroy);

        var e = await Assert.ThrowsAsync<RuntimeException>(() => call);
        Assert.Equal(RuntimeErrorCode.DeadlineExceeded, e.Code);
        Assert.Equal("plugin oci gave no answer to DestroySandbox of handler runc within 110 s", e.Message);
        Assert.Equal(1, _handler.Faults);
    }

    [Fact]
    public async Task Call_CallerGivesUp_IsNoFaultOfThePlugin()
    {
        using var caller = new CancellationTokenSource();
        _inner.Setup(static h => h.DestroySandboxAsync(Destroy, It.IsAny<CancellationToken>())).Returns(new TaskCompletionSource().Task);

        var call = _handler.DestroySandboxAsync(Destroy, caller.Token);
        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.Equal(0, _handler.Faults);
    }

    [Fact]
    public async Task Call_PluginBlocksItsThread_DoesNotBlockTheCaller()
    {
        using var release = new ManualResetEventSlim();
        _inner.Setup(static h => h.ListOwnedAsync(It.IsAny<CancellationToken>())).Returns(() =>
        {
            release.Wait();
            return Task.FromResult<IReadOnlyList<OwnedObject>>([]);
        });

        var call = _handler.ListOwnedAsync(default);
        Assert.False(call.IsCompleted);
        release.Set();
        Assert.Empty(await call);
    }

    [Fact]
    public async Task Call_NullAnswer_IsAFault()
    {
        _inner.Setup(static h => h.ListOwnedAsync(It.IsAny<CancellationToken>())).ReturnsAsync((IReadOnlyList<OwnedObject>)null!);
        Assert.Equal(RuntimeErrorCode.Internal, (await Assert.ThrowsAsync<RuntimeException>(() => _handler.ListOwnedAsync(default))).Code);
    }

    [Fact]
    public async Task Call_PluginCancelsByItself_IsAFault()
    {
        _inner.Setup(static h => h.ListOwnedAsync(It.IsAny<CancellationToken>())).ThrowsAsync(new OperationCanceledException());
        Assert.Equal(RuntimeErrorCode.Internal, (await Assert.ThrowsAsync<RuntimeException>(() => _handler.ListOwnedAsync(default))).Code);
    }

    [Fact]
    public async Task StartSandbox_WhatItReturns_IsGuardedToo()
    {
        var process = new Mock<IProcess>();
        process.SetupGet(static p => p.Exit).Returns(new TaskCompletionSource<ProcessExit>().Task);
        process.Setup(static p => p.StartAsync(It.IsAny<CancellationToken>())).ThrowsAsync(new FormatException("p"));
        var container = new Mock<IContainer>();
        container.SetupGet(static c => c.Id).Returns("c");
        container.SetupGet(static c => c.Init).Returns(process.Object);
        container.Setup(static c => c.PidsAsync(It.IsAny<CancellationToken>())).ThrowsAsync(new FormatException("c"));
        var sandbox = Sandbox();
        sandbox.Setup(static s => s.FindContainer("c")).Returns(container.Object);
        sandbox.Setup(static s => s.FindContainer("x")).Throws(new FormatException("s"));
        _inner.Setup(static h => h.StartSandboxAsync(Start, It.IsAny<CancellationToken>())).ReturnsAsync(sandbox.Object);

        var guarded = await _handler.StartSandboxAsync(Start, default);
        var found = guarded.FindContainer("c")!;

        Assert.Null(guarded.FindContainer("none"));
        Assert.Contains("FindContainer", Assert.Throws<RuntimeException>(() => guarded.FindContainer("x")).Message, StringComparison.Ordinal);
        Assert.Contains("Pids", (await Assert.ThrowsAsync<RuntimeException>(() => found.PidsAsync(default))).Message, StringComparison.Ordinal);
        Assert.Contains("Start", (await Assert.ThrowsAsync<RuntimeException>(() => found.Init.StartAsync(default))).Message, StringComparison.Ordinal);
        Assert.Equal(3, _handler.Faults);
    }

    /// <summary>In whatever process a plugin runs, what it answers is looked at before anybody takes it over.</summary>
    [Fact]
    public async Task Answers_ThatTheContractDoesNotAllow_AreFaults()
    {
        var sandbox = Sandbox();
        _inner.Setup(static h => h.StartSandboxAsync(Start, It.IsAny<CancellationToken>())).ReturnsAsync(sandbox.Object);
        _inner.Setup(static h => h.ListOwnedAsync(It.IsAny<CancellationToken>())).ReturnsAsync([new OwnedObject(null!, "k", "d")]);
        _inner.Setup(static h => h.CheckAsync(It.IsAny<CancellationToken>())).ReturnsAsync(new HandlerCheck { Ready = true, Features = null! });
        _inner.Setup(static h => h.PrepareSandboxAsync(It.IsAny<PrepareSandboxRequest>(), It.IsAny<CancellationToken>())).ReturnsAsync(new PreparedSandbox { NetworkNamespacePath = "here" });
        _inner.Setup(static h => h.DestroySandboxAsync(Destroy, It.IsAny<CancellationToken>())).ThrowsAsync(new RuntimeException((RuntimeErrorCode)77, "m"));
        _inner.Setup(static h => h.ReleaseImageAsync("i", It.IsAny<CancellationToken>())).ThrowsAsync(RuntimeException.NotFound(new string('x', 100_000)));
        var started = await _handler.StartSandboxAsync(Start, default);
        sandbox.Setup(static s => s.InfoAsync(It.IsAny<CancellationToken>())).ReturnsAsync(new SandboxInfo { Details = null! });
        sandbox.Setup(static s => s.FindContainer("c")).Returns(Mock.Of<IContainer>(static c => c.Id == "d"));

        await RefusedAsync("features are missing", () => _handler.CheckAsync(default));
        await RefusedAsync("an owned object is null in part", () => _handler.ListOwnedAsync(default));
        await RefusedAsync("no absolute path", () => _handler.PrepareSandboxAsync(Start.Sandbox, default));
        await RefusedAsync("RuntimeException: m", () => _handler.DestroySandboxAsync(Destroy, default));
        await RefusedAsync("RuntimeException: xxx", () => _handler.ReleaseImageAsync("i", default));
        await RefusedAsync("null in part", () => started.InfoAsync(default));
        await RefusedAsync("container c was created as d", () => Task.FromResult(started.FindContainer("c")));
        sandbox.SetupGet(static s => s.Id).Returns("another");
        await RefusedAsync("sandbox s was started as another", () => _handler.StartSandboxAsync(Start, default));
        Assert.Equal(8, _handler.Faults);
    }

    [Fact]
    public async Task Exit_ThatIsNone_IsAnEndWhoseCircumstancesAreLost()
    {
        foreach (var (exit, reason) in new[]
        {
            (Task.FromResult<ProcessExit>(null!), "the answer is null"),
            (Task.FromResult(new ProcessExit { Code = 300, FinishedAt = _time.GetUtcNow() }), "300 is no exit status"),
            (Task.FromException<ProcessExit>(new FormatException("of its own")), "FormatException: of its own"),
            (Task.FromCanceled<ProcessExit>(new CancellationToken(canceled: true)), "TaskCanceledException"),
        })
        {
            var sandbox = Sandbox();
            sandbox.SetupGet(static s => s.Exit).Returns(exit);
            _inner.Setup(static h => h.StartSandboxAsync(Start, It.IsAny<CancellationToken>())).ReturnsAsync(sandbox.Object);
            var ended = await (await _handler.StartSandboxAsync(Start, default)).Exit;
            Assert.Equal((255, _time.GetUtcNow()), (ended.Code, ended.FinishedAt));
            Assert.Contains($"plugin oci failed in SandboxExit of handler runc: ", ended.LostReason, StringComparison.Ordinal);
            Assert.Contains(reason, ended.LostReason, StringComparison.Ordinal);
        }
    }

    /// <summary>What a handler may keep records of: what it was given, from before the call until it has destroyed it.</summary>
    [Fact]
    public async Task Given_FollowsTheCalls()
    {
        var guard = new PluginGuard("oci", "runc", _calls.Add, _time, NullLogger.Instance);
        await using var handler = new GuardedHandler(_inner.Object, guard, _time, NullLogger.Instance);
        var sandbox = Sandbox();
        _inner.Setup(static h => h.StartSandboxAsync(Start, It.IsAny<CancellationToken>())).ReturnsAsync(() => guard.Given.Contains("s") ? sandbox.Object : null!);
        sandbox.Setup(static s => s.CreateContainerAsync(It.IsAny<CreateContainerRequest>(), It.IsAny<CancellationToken>()))
            .ReturnsAsync(() => throw RuntimeException.Unavailable(guard.Given.Contains("c") ? "given" : "not given"));

        var started = await handler.StartSandboxAsync(Start, default);
        Assert.Equal("given", (await Assert.ThrowsAsync<RuntimeException>(() => started.CreateContainerAsync(Container, default))).Message);
        await handler.DestroyContainerAsync(Destroy with { ContainerId = "c" }, default);
        Assert.Equal((true, false), (guard.Given.Contains("s"), guard.Given.Contains("c")));
        await handler.DestroySandboxAsync(Destroy, default);
        Assert.False(guard.Given.Contains("s"));
    }

    [Fact]
    public async Task Health_AnswersFromMemory_AndKeepsFeaturesWhenACheckFails()
    {
        Assert.Equal((false, "its first check has not ended yet"), (_handler.Health.Ready, _handler.Health.Reason));

        _inner.Setup(static h => h.CheckAsync(It.IsAny<CancellationToken>())).ReturnsAsync(new HandlerCheck { Ready = true, Features = new() { Seccomp = true } });
        await _handler.Health.RefreshAsync(default);
        Assert.Equal((true, ""), (_handler.Health.Ready, _handler.Health.Reason));

        _inner.Setup(static h => h.CheckAsync(It.IsAny<CancellationToken>())).ThrowsAsync(new FormatException("broken"));
        await _handler.Health.RefreshAsync(default);
        Assert.False(_handler.Health.Ready);
        Assert.Contains("broken", _handler.Health.Reason, StringComparison.Ordinal);
        Assert.True(_handler.Health.Features.Seccomp);
        _inner.Verify(static h => h.CheckAsync(It.IsAny<CancellationToken>()), Times.Exactly(2));
    }

    [Fact]
    public async Task Health_CheckStillRuns_IsNotAskedAgain()
    {
        var answer = new TaskCompletionSource<HandlerCheck>();
        _inner.Setup(static h => h.CheckAsync(It.IsAny<CancellationToken>())).Returns(answer.Task);

        var first = _handler.Health.RefreshAsync(default);
        var second = _handler.Health.RefreshAsync(default);
        Assert.False(second.IsCompleted);
        answer.SetResult(new() { Ready = true });
        await Task.WhenAll(first, second);

        _inner.Verify(static h => h.CheckAsync(It.IsAny<CancellationToken>()), Times.Once);
    }

    private static Mock<ISandbox> Sandbox()
    {
        var sandbox = new Mock<ISandbox>();
        sandbox.SetupGet(static s => s.Id).Returns("s");
        sandbox.SetupGet(static s => s.Exit).Returns(new TaskCompletionSource<ProcessExit>().Task);
        return sandbox;
    }

    private static async Task RefusedAsync(string reason, Func<Task> call)
    {
        var e = await Assert.ThrowsAsync<RuntimeException>(call);
        Assert.Equal(RuntimeErrorCode.Internal, e.Code);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
        Assert.InRange(e.Message.Length, 1, 20_000);
    }

    [Fact]
    public async Task HealthLoop_EachInterval_ChecksEveryHandler()
    {
        _inner.Setup(static h => h.CheckAsync(It.IsAny<CancellationToken>())).ReturnsAsync(new HandlerCheck { Ready = true });
        var table = new HandlerTable(PluginSnapshot.Empty);
        using var loop = new HandlerHealthLoop(table, _time);
        await loop.StartAsync(default);

        table.Swap(new([], [new() { Name = "runc", Plugin = "oci", Handler = _handler }]));
        for (var tries = 0; _handler.Health.CheckedAt is null && tries < 1000; tries++)
        {
            _time.Advance(HandlerHealthLoop.Interval); // again until the loop has set up its timer
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        await loop.StopAsync(default);
        Assert.NotNull(_handler.Health.CheckedAt);
    }
}
