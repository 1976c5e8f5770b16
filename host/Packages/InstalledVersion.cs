using System.Globalization;
using System.Text.RegularExpressions;

namespace Berth.Packages;

/// <summary>A version that was installed and is kept.</summary>
/// <param name="Number">Counts the installations; the highest is the newest.</param>
/// <param name="Version">Of the manifest.</param>
/// <param name="Print">The first digits of the folder's digest.</param>
/// <param name="Path">Where it lies.</param>
internal sealed partial record InstalledVersion(int Number, string Version, string Print, string Path)
{
    private const int PrintLength = 12;

    /// <summary>Its folder's name.</summary>
    public string Name => System.IO.Path.GetFileName(Path);

    /// <summary>Of a folder; null if the name is none of ours.</summary>
    public static InstalledVersion? Of(string path) => Form.Match(System.IO.Path.GetFileName(path)) is { Success: true } match
        ? new(int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture), match.Groups[2].Value, match.Groups[3].Value, path)
        : null;

    /// <summary>A new one.</summary>
    public static InstalledVersion Create(string folder, int number, string version, string digest)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{number:D6}-{version}-{digest[..PrintLength]}");
        return new(number, version, digest[..PrintLength], System.IO.Path.Combine(folder, name));
    }

    /// <summary>Whether it has the content of that digest.</summary>
    public bool Has(string digest) => digest.StartsWith(Print, StringComparison.Ordinal);

    [GeneratedRegex(@"\A([0-9]{6})-(.+)-([0-9a-f]{12})\z", RegexOptions.CultureInvariant)]
    private static partial Regex Form { get; }
}
