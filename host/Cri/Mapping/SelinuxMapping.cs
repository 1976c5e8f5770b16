using Berth.Containers;

namespace Berth.Cri.Mapping;

/// <summary>The parts of an SELinux label.</summary>
internal static class SelinuxMapping
{
    private const int MaxCharacters = 4096; // a page, which is all that the kernel reads of a label

    public static SelinuxOptions? ToDomain(Protos.SELinuxOption? label, string field) => label is null
        ? null
        : new(Part(label.User, $"{field}.user"), Part(label.Role, $"{field}.role"), Part(label.Type, $"{field}.type"), Level(label.Level, $"{field}.level"));

    // A colon begins the next part: a user with one would choose the role too.
    private static string Part(string text, string field) =>
        text.Contains(':') ? throw Field.Wrong(field, $"is {Field.Show(text)}; it has no \":\"") : Level(text, field);

    private static string Level(string text, string field) =>
        text.Length <= MaxCharacters && !text.Any(char.IsWhiteSpace)
            ? Field.Line(text, field)
            : throw Field.Wrong(field, $"is {Field.Show(text)}; it has no blanks, and at most {MaxCharacters} characters");
}
