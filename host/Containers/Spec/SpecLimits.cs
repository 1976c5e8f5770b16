using System.Text;
using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>Bounds of what a request may carry: it is stored, listed and handed on, so its size is everyone's cost.</summary>
public static class SpecLimits
{
    // The API server's limit for all annotations of an object together.
    public const int MaxMapBytes = 512 * 1024;

    public const int MaxMapEntries = 4096;

    private const int MaxNameBytes = 253;

    /// <summary>Labels or annotations.</summary>
    /// <param name="map">The entries.</param>
    /// <param name="what">For the message, such as <c>labels of pod a/b</c>.</param>
    public static void CheckMap(IReadOnlyDictionary<string, string> map, string what)
    {
        CheckCount(map.Count, MaxMapEntries, what);
        var bytes = map.Sum(static entry => (long)Encoding.UTF8.GetByteCount(entry.Key) + Encoding.UTF8.GetByteCount(entry.Value));
        if (bytes > MaxMapBytes)
        {
            throw RuntimeException.InvalidArgument($"{what} have {bytes} bytes; at most {MaxMapBytes} are taken");
        }
    }

    public static void CheckCount(int count, int most, string what)
    {
        if (count > most)
        {
            throw RuntimeException.InvalidArgument($"{what} are {count}; at most {most} are taken");
        }
    }

    /// <summary>A name that becomes part of paths and lists.</summary>
    public static void CheckName(string name, string what)
    {
        if (name.Length == 0)
        {
            throw RuntimeException.InvalidArgument($"{what} is empty");
        }

        if (Encoding.UTF8.GetByteCount(name) > MaxNameBytes || name is "." or ".." || name.Contains('/') || name.Any(char.IsControl))
        {
            throw RuntimeException.InvalidArgument(
                $"{what} must have at most {MaxNameBytes} bytes, no \"/\" and no control characters, and not be \".\" or \"..\"");
        }
    }
}
