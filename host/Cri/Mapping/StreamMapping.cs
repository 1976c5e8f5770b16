using System.Globalization;
using Berth.Containers.Spec;
using Berth.Streaming;

namespace Berth.Cri.Mapping;

/// <summary>The fields of Exec, Attach and PortForward.</summary>
internal static class StreamMapping
{
    // Each has two channels in the older WebSocket form, whose numbers are bytes.
    private const int MaxPorts = 127;

    /// <summary>The streams that are asked for.</summary>
    public static ConsoleIo ToIo(bool stdin, bool stdout, bool stderr, bool tty) => (stdin || stdout || stderr, tty && stderr) switch
    {
        (false, _) => throw Field.Wrong("stdin, stdout and stderr", "are all false; one of them must be true"),
        (_, true) => throw Field.Wrong("stderr", "is true together with tty; a terminal has one output, which is stdout"),
        _ => new(stdin, stdout, stderr, tty),
    };

    /// <summary>A command and its arguments.</summary>
    public static IReadOnlyList<string> ToCommand(IReadOnlyList<string> words)
    {
        if (words.Count == 0 || words[0].Length == 0)
        {
            throw Field.Wrong("cmd", "is empty, or its first word is; give a command and its arguments");
        }

        ProcessArguments.CheckSizes(words);
        return [.. words];
    }

    /// <summary>The ports; there may be none, as newer clients name them later.</summary>
    public static IReadOnlyList<int> ToPorts(IReadOnlyCollection<int> ports) =>
        ports.Count > MaxPorts
            ? throw Field.Wrong("port", $"has {ports.Count} values; there may be {MaxPorts}")
            : [.. ports.Select(static (port, i) => (int)Field.Within(port, 1, 65535, string.Create(CultureInfo.InvariantCulture, $"port[{i}]")))];
}
