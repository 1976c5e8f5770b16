using System.Globalization;

namespace Berth.Metrics;

/// <summary>Reads numbers out of the text of cgroup files.</summary>
internal static class StatText
{
    // v1 says "no limit" by a number near 2^63, rounded to pages.
    private const ulong NoLimit = 1UL << 62;

    /// <summary>The file's one number; null for <c>max</c> or no number.</summary>
    public static ulong? Number(string? text) =>
        ulong.TryParse(text.AsSpan().Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;

    /// <summary>The number of a key in lines of the form <c>key number</c>.</summary>
    public static ulong? Number(string? text, string key)
    {
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            if (line.Length > key.Length && line[key.Length] == ' ' && line.StartsWith(key, StringComparison.Ordinal))
            {
                return ulong.TryParse(line[(key.Length + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
            }
        }

        return null;
    }

    /// <summary>A limit, where one is set.</summary>
    public static ulong? Limit(ulong? value) => value < NoLimit ? value : null;

    /// <summary>The difference, not below zero: the two were not read at the same moment.</summary>
    public static ulong? Less(ulong? from, ulong? part) => from is { } a && part is { } b ? a - Math.Min(a, b) : null;
}
