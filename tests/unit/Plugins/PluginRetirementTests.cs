using System.Runtime.CompilerServices;
using Berth.Abstractions;
using Berth.Plugins;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Moq;
using Xunit;

namespace Berth.Tests.Unit.Plugins;

/// <summary>What is let go of, in which order, and what holds on.</summary>
public sealed class PluginRetirementTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(50));
    private readonly HandlerTable _table = new(PluginSnapshot.Empty);
    private readonly PluginRetirement _retirement;

    public PluginRetirementTests() => _retirement = new(_table, new(_folder.Path), _time, NullLogger<PluginRetirement>.Instance);

    private string Staged => Path.Combine(_folder.Path, "plugins", "digest");

    public void Dispose()
    {
        _table.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Collect_WithoutPods_DisposesOfHandlerAndCodeAndRemovesTheFolder()
    {
        var code = new Code(Gone());
        var inner = Drain(code);

        _retirement.Collect(static _ => true);
        Assert.Single(_table.Current.Draining);
        inner.Verify(static h => h.DisposeAsync(), Times.Never);

        _retirement.Collect(static _ => false);
        await code.Disposed.Task;
        inner.Verify(static h => h.DisposeAsync(), Times.Once);
        Assert.Empty(_table.Current.Loaded);
        await UntilAsync(() =>
        {
            Look();
            return _retirement.Remnants == 0;
        });
        Assert.False(Directory.Exists(Staged));
    }

    /// <summary>A handler that never lets go costs its code nothing but time; what is left of the code in memory is counted, and keeps its folder.</summary>
    [Fact]
    public async Task Collect_WhatHoldsOn_IsCountedAndKeepsItsFolder()
    {
        object? left = new();
        var code = new Code(new(left));
        Drain(code).Setup(static h => h.DisposeAsync()).Returns(new ValueTask(new TaskCompletionSource().Task));

        _retirement.Collect(static _ => false);
        Assert.Equal(1, _retirement.Remnants);
        Assert.False(code.Disposed.Task.IsCompleted);
        await UntilAsync(() =>
        {
            _time.Advance(PluginDeadlines.Dispose);
            return code.Disposed.Task.IsCompleted;
        });
        await UntilAsync(() =>
        {
            Look();
            return _retirement.Remnants == 1;
        });
        Assert.True(Directory.Exists(Staged));

        GC.KeepAlive(left);
        left = null;
        await UntilAsync(() =>
        {
            Look();
            return _retirement.Remnants == 0;
        });
        Assert.False(Directory.Exists(Staged));
    }

    /// <summary>The same content came into force again, while a remnant of it is left: its folder is needed.</summary>
    [Fact]
    public async Task Collect_ContentThatIsInForceAgain_KeepsItsFolder()
    {
        object? left = new();
        var code = new Code(new(left));
        Drain(code);
        _retirement.Collect(static _ => false);
        await code.Disposed.Task;
        _table.Swap(new([], []) { Loaded = [Version(new Code(null))] });
        GC.KeepAlive(left);
        left = null;
        await UntilAsync(() =>
        {
            Look();
            return _retirement.Remnants == 0;
        });
        Assert.True(Directory.Exists(Staged));
    }

    /// <summary>None of a plugin's handlers could be made, so none drains; its code goes all the same when it is not in force any more.</summary>
    [Fact]
    public async Task LetGoOf_CodeWithoutHandlers_IsDisposedOf()
    {
        var (leaves, stays) = (new Code(Gone()), new Code(Gone()));
        var before = new PluginSnapshot([], []) { Loaded = [Version(leaves), Version(stays)] };
        _table.Swap(new([], []) { Loaded = [Version(stays)] });
        _retirement.LetGoOf(before);
        await leaves.Disposed.Task;
        Assert.False(stays.Disposed.Task.IsCompleted);
    }

    private void Look()
    {
        _time.Advance(TimeSpan.FromMinutes(2));
        _retirement.Collect(static _ => false);
    }

    private Mock<IRuntimeHandler> Drain(Code code)
    {
        Directory.CreateDirectory(Staged);
        var inner = new Mock<IRuntimeHandler>();
        var handler = new GuardedHandler(inner.Object, new("p", "h", static _ => { }, _time, NullLogger.Instance), _time, NullLogger.Instance);
        var version = Version(code) with { Entry = new("p", "1.0.0", "/p", PluginState.Draining, "pods of it run") { Digest = "digest" } };
        _table.Swap(new([version.Entry], [])
        {
            Draining = [new() { Name = "h", Plugin = "p", Handler = handler, Source = version, Drain = "it was replaced" }],
            Loaded = [version],
        });
        return inner;
    }

    private static LoadedPlugin Version(Code code) => new(new("p", "1.0.0", "/p", PluginState.Active, "") { Digest = "digest" }, null, code);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Gone() => new(null);

    private static async Task UntilAsync(Func<bool> holds)
    {
        for (var tries = 0; !holds(); tries++)
        {
            Assert.True(tries < 3000, "it does not come to that");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    private sealed class Code(WeakReference? remains) : IPluginCode
    {
        public event Action<string>? EndedIdle
        {
            add { }
            remove { }
        }

        public TaskCompletionSource Disposed { get; } = new();

        public IRuntimePlugin Plugin => throw new NotSupportedException();

        public PluginIsolation Isolation => PluginIsolation.InProcess;

        public WeakReference? Remains => remains;

        public void EndStuckCalls(string reason) => throw new NotSupportedException();

        public ValueTask DisposeAsync()
        {
            Disposed.TrySetResult();
            return ValueTask.CompletedTask;
        }
    }
}
