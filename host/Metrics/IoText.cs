using System.Globalization;

namespace Berth.Metrics;

/// <summary>Reads what cgroup files say of block devices; see Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/blkio-controller.rst.</summary>
internal static class IoText
{
    /// <summary>Lines of the form <c>8:0 rbytes=1 wbytes=2 rios=3 wios=4</c>.</summary>
    public static IReadOnlyList<DeviceIo> V2(string? stat, DeviceNames names)
    {
        var found = new List<DeviceIo>();
        foreach (var words in Lines(stat))
        {
            if (Device(words[0], names) is { } device)
            {
                found.Add(device with
                {
                    ReadBytes = Value(words, "rbytes="),
                    WrittenBytes = Value(words, "wbytes="),
                    Reads = Value(words, "rios="),
                    Writes = Value(words, "wios="),
                });
            }
        }

        return found;
    }

    /// <summary>Two files, each with lines of the form <c>8:0 Read 1</c>.</summary>
    public static IReadOnlyList<DeviceIo> V1(string? bytes, string? operations, DeviceNames names)
    {
        var found = new Dictionary<string, DeviceIo>();
        foreach (var (text, isBytes) in ((string?, bool)[])[(bytes, true), (operations, false)])
        {
            foreach (var words in Lines(text).Where(static w => w.Length == 3))
            {
                if ((found.GetValueOrDefault(words[0]) ?? Device(words[0], names)) is { } device && Number(words[2]) is var number)
                {
                    found[words[0]] = (words[1], isBytes) switch
                    {
                        ("Read", true) => device with { ReadBytes = number },
                        ("Write", true) => device with { WrittenBytes = number },
                        ("Read", false) => device with { Reads = number },
                        ("Write", false) => device with { Writes = number },
                        _ => device,
                    };
                }
            }
        }

        return [.. found.Values];
    }

    private static IEnumerable<string[]> Lines(string? text) =>
        (text ?? "").Split('\n').Select(static l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(static w => w.Length > 1);

    private static DeviceIo? Device(string number, DeviceNames names) =>
        number.Split(':') is [var major, var minor] && uint.TryParse(major, CultureInfo.InvariantCulture, out var first) && uint.TryParse(minor, CultureInfo.InvariantCulture, out var second)
            ? new(names.Of(first, second), first, second)
            : null;

    private static ulong Value(string[] words, string key) => words.FirstOrDefault(w => w.StartsWith(key, StringComparison.Ordinal)) is { } word ? Number(word[key.Length..]) : 0;

    private static ulong Number(string text) => ulong.TryParse(text, CultureInfo.InvariantCulture, out var number) ? number : 0;
}
