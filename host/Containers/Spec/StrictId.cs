using System.Globalization;
using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>
/// User and group ids as images and requests write them. Decimal digits alone, without sign, spaces or leading zeros; what does
/// not fit is an error and never 0. The highest value is refused too: for the kernel it means "no id", see setreuid(2).
/// </summary>
internal static class StrictId
{
    private const long Highest = uint.MaxValue - 1L;

    internal static bool LooksNumeric(string text) => text.Length > 0 && text.All(char.IsAsciiDigit);

    internal static bool TryParse(ReadOnlySpan<char> text, out uint id)
    {
        id = 0;
        return text.Length is > 0 and <= 10
            && (text[0] != '0' || text.Length == 1)
            && uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out id)
            && id <= Highest;
    }

    internal static uint Parse(string text, string what) =>
        TryParse(text, out var id) ? id : throw OutOfRange(what, $"\"{text}\"");

    internal static uint Check(long value, string what) =>
        value is >= 0 and <= Highest ? (uint)value : throw OutOfRange(what, value.ToString(CultureInfo.InvariantCulture));

    private static RuntimeException OutOfRange(string what, string value) =>
        RuntimeException.InvalidArgument($"{what} {value} is not an id: it must be a decimal number from 0 to {Highest}");
}
