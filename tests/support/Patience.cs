using System.Globalization;

namespace Berth.Tests.Support;

/// <summary>Limits keep a broken product from hanging a run. Where the processor is emulated everything takes many times as long.</summary>
public static class Patience
{
    /// <summary>What <c>BERTH_TEST_PATIENCE</c> says: a factor for every limit.</summary>
    private static readonly double Factor =
        Environment.GetEnvironmentVariable("BERTH_TEST_PATIENCE") is { Length: > 0 } text ? double.Parse(text, CultureInfo.InvariantCulture) : 1;

    /// <summary>Between two looks at what is awaited. Where everything takes many times as long, so does a look.</summary>
    public static TimeSpan Interval { get; } = TimeSpan.FromMilliseconds(20) * Factor;

    /// <summary>A limit, as long as this machine needs it.</summary>
    public static TimeSpan Of(TimeSpan limit) => limit * Factor;
}
