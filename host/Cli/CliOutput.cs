using System.CommandLine;
using Google.Protobuf;
using Spectre.Console;

namespace Berth.Cli;

/// <summary>Prints answers as JSON or as tables.</summary>
internal static class CliOutput
{
    private static readonly JsonFormatter Formatter = new(JsonFormatter.Settings.Default.WithFormatDefaultValues(true).WithIndentation());

    public static void Json(ParseResult result, IMessage answer) => result.InvocationConfiguration.Output.WriteLine(Formatter.Format(answer));

    /// <summary>A table without frames; the cells are plain text. Whatever they hold, a cell is one line.</summary>
    public static void Table(ParseResult result, string[] headers, IEnumerable<string[]> rows)
    {
        var table = new Table().Border(TableBorder.None);
        foreach (var header in headers)
        {
            table.AddColumn(new TableColumn(new Text(header, new Style(decoration: Decoration.Bold))).PadLeft(0).PadRight(2));
        }

        foreach (var row in rows)
        {
            table.AddRow(row.Select(static c => new Text(Printable(c))));
        }

        Console(result).Write(table);
    }

    public static void Line(ParseResult result, string line) => result.InvocationConfiguration.Output.WriteLine(Printable(line));

    /// <summary>Whether somebody looks at it, and the cursor can be moved.</summary>
    public static bool IsTerminal(ParseResult result) => !System.Console.IsOutputRedirected && result.InvocationConfiguration.Output == System.Console.Out;

    private static IAnsiConsole Console(ParseResult result)
    {
        var output = result.InvocationConfiguration.Output;
        var settings = new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) };
        if (IsTerminal(result))
        {
            return AnsiConsole.Create(settings);
        }

        // A file or pipe has no colours, and no width to fit into.
        settings.Ansi = AnsiSupport.No;
        settings.ColorSystem = ColorSystemSupport.NoColors;
        var console = AnsiConsole.Create(settings);
        console.Profile.Width = 1000;
        return console;
    }

    // Names and reasons come from pods: they must not move the cursor.
    private static string Printable(string text) => string.Concat(text.Select(static c => char.IsControl(c) ? ' ' : c));
}
