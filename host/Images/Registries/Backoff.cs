namespace Berth.Images.Registries;

/// <summary>How long to wait before another try: doubling from a quarter of a second to four, with a random half so that nodes spread.</summary>
internal static class Backoff
{
    public static TimeSpan After(int failures) =>
        TimeSpan.FromMilliseconds(Math.Min(250 << Math.Min(failures - 1, 4), 4000) * (0.5 + (Random.Shared.NextDouble() / 2)));
}
