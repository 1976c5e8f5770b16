using Berth.Images.Registries;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Berth.Tests.Unit.Images;

public sealed class StallTimerTests
{
    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData(0, 15)]
    [InlineData(500, 15)]
    [InlineData(2_000, 40)]
    [InlineData(30_000, 120)]
    public async Task Limit_AfterAnAnswer_IsManyTimesItsSilenceWithinBounds(int silenceMs, int limitSeconds)
    {
        var timer = new StallTimer(_time);
        Assert.Equal(TimeSpan.FromSeconds(60), timer.Limit);
        await timer.RunAsync(
            _ =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(silenceMs));
                return ValueTask.FromResult(1);
            },
            CancellationToken.None);
        await timer.RunAsync(static _ => ValueTask.FromResult(1), CancellationToken.None);
        Assert.Equal(TimeSpan.FromSeconds(limitSeconds), timer.Limit);
    }

    [Fact]
    public async Task Run_SilentForTheLimit_IsATimeout()
    {
        var timer = new StallTimer(_time);
        await timer.RunAsync(static _ => ValueTask.FromResult(1), CancellationToken.None);
        var silent = timer.RunAsync(async token =>
        {
            await Task.Delay(Timeout.Infinite, token);
            return 1;
        }, CancellationToken.None).AsTask();
        _time.Advance(TimeSpan.FromSeconds(14));
        Assert.False(silent.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Contains("15 seconds", (await Assert.ThrowsAsync<TimeoutException>(() => silent)).Message, StringComparison.Ordinal);
    }
}
