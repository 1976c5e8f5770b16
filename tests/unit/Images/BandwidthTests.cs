using Berth.Images.Registries;
using Xunit;

namespace Berth.Tests.Unit.Images;

/// <summary>What is let through is counted in bytes: at twenty a second, what is left of the limit is not to come within a test.</summary>
public sealed class BandwidthTests
{
    private const int OneRead = 256 * 1024;

    [Fact]
    public void Take_MoreThanTheShare_WaitsWhateverItsPieces()
    {
        using var bandwidth = new Bandwidth(new() { MaxBytesPerSecond = 20 });
        Assert.Equal(OneRead, bandwidth.Most);
        Assert.All(Enumerable.Range(0, 4), _ => Assert.True(TakeAsync(bandwidth, OneRead / 4).IsCompletedSuccessfully));
        Assert.False(TakeAsync(bandwidth, OneRead / 4).IsCompleted);
        // Who comes later does not get what the first one waits for.
        Assert.False(TakeAsync(bandwidth, 1).IsCompleted);
        Assert.True(TakeAsync(bandwidth, 0).IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Take_ByACallerWhoGivesUp_Ends()
    {
        using var bandwidth = new Bandwidth(new() { MaxBytesPerSecond = 20 });
        await bandwidth.TakeAsync(OneRead, default);
        using var given = new CancellationTokenSource();
        var waiting = bandwidth.TakeAsync(OneRead, given.Token).AsTask();
        await given.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    [Fact]
    public void Take_WithoutALimit_NeverWaits()
    {
        using var bandwidth = new Bandwidth(new());
        Assert.All(Enumerable.Range(0, 100), _ => Assert.True(TakeAsync(bandwidth, int.MaxValue).IsCompletedSuccessfully));
    }

    private static Task TakeAsync(Bandwidth bandwidth, int bytes) => bandwidth.TakeAsync(bytes, CancellationToken.None).AsTask();
}
