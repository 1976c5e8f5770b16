using System.Globalization;
using Berth.Abstractions;

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

    /// <summary>A pressure file: lines of the form <c>some avg10=0.12 avg60=0.05 avg300=0.01 total=1234</c>.</summary>
    public static PressureStall? Pressure(string? text) =>
        Figures(text, "some ") is { } some ? new(some, Figures(text, "full ")) : null;

    private static PressureFigures? Figures(string? text, string kind)
    {
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            if (line.StartsWith(kind, StringComparison.Ordinal))
            {
                return ulong.TryParse(Field(line, "total="), NumberStyles.None, CultureInfo.InvariantCulture, out var total)
                    && double.TryParse(Field(line, "avg10="), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var ten)
                    && double.TryParse(Field(line, "avg60="), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var sixty)
                    && double.TryParse(Field(line, "avg300="), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var most)
                    ? new(total, ten, sixty, most)
                    : null;
            }
        }

        return null;
    }

    private static ReadOnlySpan<char> Field(ReadOnlySpan<char> line, string key)
    {
        var start = line.IndexOf(key, StringComparison.Ordinal);
        if (start < 0)
        {
            return [];
        }

        var value = line[(start + key.Length)..];
        var end = value.IndexOf(' ');
        return end < 0 ? value : value[..end];
    }
}
