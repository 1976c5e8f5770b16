using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Linux;

public sealed class PidFdTests
{
    [Fact]
    public async Task ExitedAsync_ManyAtOnce_EachCompletes()
    {
        var children = Enumerable.Range(0, 50)
            .Select(i => ChildProcess.Start(new Command { Path = "sh", Arguments = ["-c", $"exit {i}"] }))
            .ToList();
        var codes = await Task.WhenAll(children.Select(c => c.WaitAsync(TestContext.Current.CancellationToken)));
        children.ForEach(c => c.Dispose());
        Assert.Equal(Enumerable.Range(0, 50), codes);
    }

    [Fact]
    public async Task TryOpen_OtherStartTime_IsAnotherProcess()
    {
        using var child = ChildProcess.Start(new Command { Path = "sleep", Arguments = ["1000"] });
        var started = PidFd.StartTime(child.Pid);
        Assert.Null(PidFd.TryOpen(child.Pid, started + 1));
        using (var held = PidFd.TryOpen(child.Pid, started))
        {
            Assert.NotNull(held);
            Assert.True(held.Signal(9));
        }

        Assert.Equal(137, await child.WaitAsync(TestContext.Current.CancellationToken));
        Assert.Null(PidFd.TryOpen(child.Pid));
        Assert.Equal(0UL, PidFd.StartTime(child.Pid));
    }
}
