using System.Globalization;

namespace Berth.Tests.Support;

/// <summary>A line of a container's log as kubelets read it: <c>time stream tag text</c>.</summary>
/// <param name="Time">When.</param>
/// <param name="Stream"><c>stdout</c> or <c>stderr</c>.</param>
/// <param name="Tag"><c>F</c> ends a line, <c>P</c> is a part of one.</param>
/// <param name="Text">What was written.</param>
public sealed record LogLine(DateTimeOffset Time, string Stream, string Tag, string Text)
{
    public static IReadOnlyList<LogLine> Read(string path) => File.Exists(path) ? [.. File.ReadLines(path).Select(Parse)] : [];

    /// <summary>What was written to a stream, its parts joined again.</summary>
    public static string Join(IEnumerable<LogLine> lines, string stream) =>
        string.Concat(lines.Where(l => l.Stream == stream).Select(static l => l.Tag == "P" ? l.Text : l.Text + "\n"));

    private static LogLine Parse(string line)
    {
        var fields = line.Split(' ', 4);
        return fields.Length == 4
            ? new(DateTimeOffset.Parse(fields[0], CultureInfo.InvariantCulture), fields[1], fields[2], fields[3])
            : throw new InvalidDataException($"not a line of a container's log: {line}");
    }
}
