namespace Berth.Cri.Mapping;

/// <summary>Times to wait, as requests have them.</summary>
internal static class Durations
{
    // Longer than anyone waits, and within what timers take.
    private const long MostSeconds = 24L * 60 * 60 * 24;

    public static TimeSpan FromSeconds(long seconds, string field) =>
        seconds < 0
            ? throw Field.Wrong(field, $"is {seconds}; it must not be negative")
            : TimeSpan.FromSeconds(Math.Min(seconds, MostSeconds));
}
