namespace Berth.Cri.Mapping;

/// <summary>Times as CRI has them: nanoseconds since the epoch, 0 for none.</summary>
internal static class UnixNanoseconds
{
    public static long Of(DateTimeOffset? time) =>
        time is { } t ? (t - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick : 0;
}
