using Berth.Metrics;
using Xunit;

namespace Berth.Tests.Unit.Metrics;

public sealed class HandlerSamplesTests
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch;
    private readonly HandlerSamples _samples = new();

    [Fact]
    public void FirstLook_HasNoRate() => Assert.Null(Take(0, 5).UsageNanoCores);

    [Fact]
    public void LaterLook_TellsWhatWasSpentSince()
    {
        Take(0, 0);
        Assert.Equal(500_000_000UL, Take(2, 1_000_000_000).UsageNanoCores);
    }

    [Fact]
    public void LookAtOnce_KeepsTheRateBefore()
    {
        Take(0, 0);
        Take(2, 1_000_000_000);
        var sample = Take(2.1, 1_200_000_000);
        Assert.Equal((500_000_000UL, 1_200_000_000UL), (sample.UsageNanoCores, sample.Usage.CpuNanoseconds));
    }

    [Fact]
    public void CounterThatWentBack_HasNoRate()
    {
        Take(0, 1_000_000_000);
        Assert.Null(Take(2, 10).UsageNanoCores);
    }

    [Fact]
    public void Forgotten_BeginsAnew()
    {
        Take(0, 0);
        _samples.Forget("id");
        Assert.Null(Take(2, 10).UsageNanoCores);
    }

    private UsageSample Take(double seconds, ulong cpu) => _samples.Take("id", new() { Timestamp = Start.AddSeconds(seconds), CpuNanoseconds = cpu });
}
