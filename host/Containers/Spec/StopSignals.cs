using System.Globalization;
using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>Names and numbers of signals, see signal(7); images and requests write them in several ways.</summary>
public static class StopSignals
{
    public const string Default = "SIGTERM";

    // glibc's: the C library keeps 32 and 33 for itself.
    private const int RealTimeMin = 34;
    private const int RealTimeMax = 64;

    // By number, from 1; x86 and arm, see signal(7).
    private static readonly string[] Names =
    [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT",
        "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];

    private static readonly Dictionary<string, string> Synonyms = new(StringComparer.Ordinal)
    {
        ["IOT"] = "ABRT",
        ["CLD"] = "CHLD",
        ["POLL"] = "IO",
        ["UNUSED"] = "SYS",
    };

    /// <summary>The name of the signal that stops a container: the request's, else the image's, else SIGTERM.</summary>
    public static string Choose(string? requested, string fromImage)
    {
        var (text, origin) = string.IsNullOrEmpty(requested) ? (fromImage, "the image") : (requested, "the request");
        return text.Length == 0 ? Default
            : TryParse(text, out var number) ? NameOf(number)
            : throw RuntimeException.InvalidArgument($"the stop signal \"{text}\" of {origin} is not known; write it like SIGTERM, SIGRTMIN+3 or 15");
    }

    /// <summary>Takes <c>SIGTERM</c>, <c>TERM</c>, <c>15</c>, <c>SIGRTMIN+3</c>, <c>SIGRTMAX-2</c> and CRI's <c>SIGRTMINPLUS3</c>.</summary>
    public static bool TryParse(string text, out int number)
    {
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number))
        {
            return number is >= 1 and <= RealTimeMax and not (32 or 33);
        }

        var name = text.ToUpperInvariant();
        name = name.StartsWith("SIG", StringComparison.Ordinal) ? name[3..] : name;
        name = Synonyms.GetValueOrDefault(name, name);
        number = Array.IndexOf(Names, name) + 1;
        return number > 0 || TryParseRealTime(name, out number);
    }

    /// <summary>The number of a name that <see cref="Choose"/> gave.</summary>
    public static int NumberOf(string name) =>
        TryParse(name, out var number) ? number : throw RuntimeException.InvalidArgument($"\"{name}\" is not a signal");

    /// <summary>Such as <c>SIGTERM</c> or <c>SIGRTMIN+3</c>.</summary>
    public static string NameOf(int number) => number switch
    {
        >= 1 and < 32 => "SIG" + Names[number - 1],
        RealTimeMin => "SIGRTMIN",
        RealTimeMax => "SIGRTMAX",
        > RealTimeMin and <= RealTimeMin + 15 => string.Create(CultureInfo.InvariantCulture, $"SIGRTMIN+{number - RealTimeMin}"),
        > RealTimeMin and < RealTimeMax => string.Create(CultureInfo.InvariantCulture, $"SIGRTMAX-{RealTimeMax - number}"),
        _ => throw RuntimeException.InvalidArgument($"{number} is not the number of a signal"),
    };

    private static bool TryParseRealTime(string name, out int number)
    {
        var text = name.Replace("PLUS", "+", StringComparison.Ordinal).Replace("MINUS", "-", StringComparison.Ordinal);
        var offset = 0;
        var known = text switch
        {
            "RTMIN" or "RTMAX" => true,
            _ when text.StartsWith("RTMIN+", StringComparison.Ordinal) || text.StartsWith("RTMAX-", StringComparison.Ordinal) =>
                int.TryParse(text.AsSpan(6), NumberStyles.None, CultureInfo.InvariantCulture, out offset),
            _ => false,
        };
        number = text.StartsWith("RTMIN", StringComparison.Ordinal) ? RealTimeMin + offset : RealTimeMax - offset;
        return known && offset <= RealTimeMax - RealTimeMin;
    }
}
