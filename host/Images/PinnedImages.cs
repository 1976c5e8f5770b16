using Berth.Configuration;

namespace Berth.Images;

/// <summary>The images that the configuration pins, by any of their names.</summary>
internal sealed class PinnedImages
{
    private readonly HashSet<string> _names;
    private readonly string[][] _patterns;

    public PinnedImages(ImagesOptions options)
    {
        _names = [.. options.Pinned.Where(static p => !p.Contains('*')).Select(static p => ImageReference.TryParse(p)?.Name ?? p)];
        _patterns = [.. options.Pinned.Where(static p => p.Contains('*')).Select(static p => p.Split('*'))];
    }

    public bool Contains(IEnumerable<string> names) => names.Any(n => _names.Contains(n) || _patterns.Any(p => IsMatch(p, n)));

    // The parts of the pattern between its stars, each at its first place behind the one before; the last one at the end.
    private static bool IsMatch(string[] parts, string name)
    {
        if (!name.StartsWith(parts[0], StringComparison.Ordinal))
        {
            return false;
        }

        var at = parts[0].Length;
        foreach (var part in parts[1..^1])
        {
            var found = name.IndexOf(part, at, StringComparison.Ordinal);
            if (found < 0)
            {
                return false;
            }

            at = found + part.Length;
        }

        return name.Length - at >= parts[^1].Length && name.EndsWith(parts[^1], StringComparison.Ordinal);
    }
}
