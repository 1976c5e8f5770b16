using System.Text.RegularExpressions;
using Berth.Abstractions;

namespace Berth.Containers.Cdi;

/// <summary>A device's full name, <c>vendor/class=name</c>.</summary>
internal readonly partial record struct CdiName(string Kind, string Device)
{
    public override string ToString() => $"{Kind}={Device}";

    internal static CdiName Parse(string text) =>
        text.IndexOf('=') is > 0 and var at && IsKind(text[..at]) && IsDevice(text[(at + 1)..])
            ? new(text[..at], text[(at + 1)..])
            : throw RuntimeException.InvalidArgument($"\"{Shorten(text)}\" is not the full name of a CDI device; it is like vendor.com/class=name");

    internal static bool IsKind(string kind) =>
        kind.IndexOf('/') is > 0 and var at && at <= 253 && VendorPattern().IsMatch(kind[..at]) && ClassPattern().IsMatch(kind[(at + 1)..]);

    internal static bool IsDevice(string name) => DevicePattern().IsMatch(name);

    private static string Shorten(string text) => new([.. text.Take(128).Select(static c => char.IsControl(c) ? '?' : c)]);

    [GeneratedRegex(@"\A[a-zA-Z]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?\z")]
    private static partial Regex VendorPattern();

    [GeneratedRegex(@"\A[a-zA-Z]([a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?\z")]
    private static partial Regex ClassPattern();

    [GeneratedRegex(@"\A[a-zA-Z0-9]([a-zA-Z0-9_.:-]{0,1022}[a-zA-Z0-9])?\z")]
    private static partial Regex DevicePattern();
}
