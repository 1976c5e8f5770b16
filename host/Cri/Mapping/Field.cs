using System.Text;
using Berth.Abstractions;

namespace Berth.Cri.Mapping;

/// <summary>Checks of single fields of a request. Every refusal names the field as the API writes it, and what would be right.</summary>
internal static class Field
{
    private const int MaxNameBytes = 253;
    private const int MaxPathBytes = 4096; // PATH_MAX of limits.h
    private const int ShownCharacters = 64;

    /// <summary>A message that must be there.</summary>
    public static T Required<T>(T? value, string field)
        where T : class => value ?? throw Wrong(field, "is missing");

    /// <summary>A list or map of at most so many entries.</summary>
    public static T Bounded<T>(T values, int most, string field)
        where T : System.Collections.ICollection =>
        values.Count <= most ? values : throw Wrong(field, $"has {values.Count} entries; there may be {most}");

    /// <summary>A text that must not be empty.</summary>
    public static string Text(string value, string field) => value.Length > 0 ? value : throw Wrong(field, "is empty");

    /// <summary>A name that becomes part of paths, lists and log lines.</summary>
    public static string Name(string value, string field) =>
        Text(value, field) is "." or ".." || value.Contains('/') || value.Any(char.IsControl) || Encoding.UTF8.GetByteCount(value) > MaxNameBytes
            ? throw Wrong(field, $"is {Show(value)}; it must have at most {MaxNameBytes} bytes, no \"/\" and no control characters, and not be \".\" or \"..\"")
            : value;

    /// <summary>A text that ends up in one line of a file, or in a record that people read.</summary>
    public static string Line(string value, string field) =>
        value.Any(char.IsControl) ? throw Wrong(field, $"is {Show(value)}; it must not contain control characters") : value;

    /// <summary>Empty, or an absolute path that does not climb.</summary>
    public static string OptionalAbsolutePath(string value, string field) =>
        value.Length == 0 || (value[0] == '/' && IsPlainPath(value))
            ? value
            : throw Wrong(field, $"is {Show(value)}; it must be an absolute path without \"..\", at most {MaxPathBytes} bytes long");

    /// <summary>Empty, or a path that does not climb.</summary>
    public static string OptionalPath(string value, string field) =>
        IsPlainPath(value) ? value : throw Wrong(field, $"is {Show(value)}; it must be a path without \"..\", at most {MaxPathBytes} bytes long");

    /// <summary>A number within bounds, both included.</summary>
    public static long Within(long value, long least, long most, string field) =>
        value >= least && value <= most ? value : throw Wrong(field, $"is {value}; it goes from {least} to {most}");

    /// <summary>The refusal of a value that this version of the API does not have.</summary>
    public static RuntimeException Unknown(string field, int value) => Wrong(field, $"has the value {value}, which this version of the API does not know");

    /// <summary>The refusal of a field.</summary>
    public static RuntimeException Wrong(string field, string problem) => RuntimeException.InvalidArgument($"{field} {problem}");

    /// <summary>A value of the caller's as a message may carry it: short, and on one line.</summary>
    public static string Show(string value) => $"\"{OneLine(value, ShownCharacters)}\"";

    /// <summary>The text on one line, without control characters, cut to a length (so that half a surrogate pair may be left: none is kept).</summary>
    public static string OneLine(string value, int most)
    {
        var shown = value.Length <= most ? value : string.Concat(value.AsSpan(0, most), "...");
        return string.Create(shown.Length, shown, static (span, text) =>
        {
            for (var i = 0; i < text.Length; i++)
            {
                span[i] = text[i] is '\n' or '\r' or '\t' ? ' ' : char.IsControl(text[i]) || char.IsSurrogate(text[i]) ? '?' : text[i];
            }
        });
    }

    private static bool IsPlainPath(string value) =>
        !value.Any(char.IsControl) && Encoding.UTF8.GetByteCount(value) <= MaxPathBytes && !value.Split('/').Contains("..");
}
