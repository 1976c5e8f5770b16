using Berth.Abstractions;
using Berth.Common;
using Berth.Plugins;
using Berth.Sandboxes;
using Berth.State;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Moq;
using Xunit;

namespace Berth.Tests.Unit.Sandboxes;

/// <summary>A version of a plugin is not let go of while a call is about to be made on an object of it.</summary>
public sealed class SandboxObjectsTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly StateDatabase _database;
    private readonly SandboxObjects _objects;

    public SandboxObjectsTests()
    {
        _database = new(Path.Combine(_folder.Path, "state.db"));
        _objects = new(new(_database), new Notices(isOn: false), NullLogger<SandboxObjects>.Instance);
    }

    public void Dispose()
    {
        _database.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Use_KeepsTheHandlerFromBeingIdle_AlsoAfterThePodHasMoved()
    {
        var (old, oldSandbox) = await StartAsync();
        var (next, nextSandbox) = await StartAsync();
        _objects.Adopt(oldSandbox);
        Assert.True(old.IsIdle);

        var use = _objects.UseContainer("s", "c");
        _objects.Adopt(nextSandbox);
        Assert.False(old.IsIdle);
        Assert.True(next.IsIdle);

        use.Dispose();
        use.Dispose();
        Assert.True(old.IsIdle);
        using var now = _objects.Use("s");
        Assert.Same(nextSandbox, now.Object);
        Assert.False(next.IsIdle);
        Assert.True(old.IsIdle);
    }

    [Fact]
    public async Task UseContainer_ThatTheHandlerDoesNotHave_SaysSoAndKeepsNothing()
    {
        var (handler, sandbox) = await StartAsync();
        _objects.Adopt(sandbox);
        Assert.Equal(RuntimeErrorCode.Unavailable, Assert.Throws<RuntimeException>(() => _objects.UseContainer("s", "other")).Code);
        Assert.Null(_objects.TryUseContainer("s", "other"));
        Assert.True(handler.IsIdle);

        _objects.Drop("s");
        Assert.Null(_objects.TryUse("s"));
        Assert.Equal(RuntimeErrorCode.Unavailable, Assert.Throws<RuntimeException>(() => _objects.Use("s")).Code);
    }

    private static async Task<(GuardedHandler Handler, ISandbox Sandbox)> StartAsync()
    {
        var process = new Mock<IProcess>();
        process.Setup(static p => p.Exit).Returns(new TaskCompletionSource<ProcessExit>().Task);
        var container = Mock.Of<IContainer>(c => c.Id == "c" && c.Init == process.Object);
        var sandbox = new Mock<ISandbox>();
        sandbox.Setup(static s => s.Id).Returns("s");
        sandbox.Setup(static s => s.Exit).Returns(new TaskCompletionSource<ProcessExit>().Task);
        sandbox.Setup(static s => s.FindContainer("c")).Returns(container);
        var inner = new Mock<IRuntimeHandler>();
        inner.Setup(static h => h.StartSandboxAsync(It.IsAny<StartSandboxRequest>(), It.IsAny<CancellationToken>())).ReturnsAsync(sandbox.Object);
        var time = new FakeTimeProvider();
        var handler = new GuardedHandler(inner.Object, new("p", "h", static _ => { }, time, NullLogger.Instance), time, NullLogger.Instance);
        return (handler, await handler.StartSandboxAsync(
            new()
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
            },
            default));
    }
}
