using Berth.Common;
using Xunit;

namespace Berth.Tests.Unit.Common;

public sealed class KeyedLockTests
{
    [Fact]
    public async Task AcquireAsync_SameKey_OneAtATime()
    {
        var locks = new KeyedLock();
        var inside = 0;
        await Task.WhenAll(Enumerable.Range(0, 100).Select(async _ =>
        {
            using var held = await locks.AcquireAsync("a", CancellationToken.None);
            Assert.Equal(1, Interlocked.Increment(ref inside));
            await Task.Yield();
            Interlocked.Decrement(ref inside);
        }));
    }

    [Fact]
    public async Task AcquireAsync_OtherKey_DoesNotWait()
    {
        var locks = new KeyedLock();
        using var first = await locks.AcquireAsync("a", CancellationToken.None);
        using var second = await locks.AcquireAsync("b", CancellationToken.None);
    }

    [Fact]
    public async Task AcquireAsync_GivenUp_LeavesTheLockUsable()
    {
        var locks = new KeyedLock();
        using var cancel = new CancellationTokenSource();
        var first = await locks.AcquireAsync("a", CancellationToken.None);
        var waiting = locks.AcquireAsync("a", cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        first.Dispose();
        first.Dispose();
        (await locks.AcquireAsync("a", CancellationToken.None)).Dispose();
    }
}
