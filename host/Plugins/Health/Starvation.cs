using System.Globalization;

namespace Berth.Plugins.Health;

/// <summary>What a process can run out of, whatever memory it has.</summary>
internal enum Resource
{
    Descriptors,
    Threads,
}

/// <summary>How much more of a resource the gateway had after calls into some code than before.</summary>
internal readonly record struct Growth
{
    /// <summary>While calls of no other plugin ran.</summary>
    public double Alone { get; init; }

    /// <summary>While others had calls as well.</summary>
    public double Shared { get; init; }

    /// <summary>While nobody had, and this code was the last that had.</summary>
    public double After { get; init; }

    /// <summary>What of the first two came while only such calls ran in it as a start makes too.</summary>
    public double AtStart { get; init; }

    /// <summary>For how long no other plugin had calls, and this had.</summary>
    public TimeSpan TimeAlone { get; init; }

    public static Growth operator +(Growth a, Growth b) => new()
    {
        Alone = a.Alone + b.Alone,
        Shared = a.Shared + b.Shared,
        After = a.After + b.After,
        AtStart = a.AtStart + b.AtStart,
        TimeAlone = a.TimeAlone + b.TimeAlone,
    };
}

/// <summary>The gateway ended itself, as a resource ran out.</summary>
/// <param name="Of">Which.</param>
/// <param name="Taken">How much of it the gateway had.</param>
/// <param name="Limit">How much there was.</param>
internal sealed record Starvation(Resource Of, int Taken, int Limit)
{
    private const string Mark = "starved";

    /// <summary>What was more than its pods need.</summary>
    public required int Grown { get; init; }

    /// <summary>What of it came while several plugins had calls.</summary>
    public required int Unclear { get; init; }

    /// <summary>What of it came while none had.</summary>
    public required int Idle { get; init; }

    /// <summary>For how long that was.</summary>
    public required TimeSpan IdleTime { get; init; }

    public string Text => string.Create(CultureInfo.InvariantCulture, $"the gateway ran out of {(Of == Resource.Threads ? "threads" : "descriptors")} (it had {Taken} of {Limit})");

    public string Write() => string.Create(CultureInfo.InvariantCulture, $"{Mark} {Of} {Taken} {Limit} {Grown} {Unclear} {Idle} {(long)IdleTime.TotalMilliseconds}");

    public static Starvation? Read(string end)
    {
        if (end.Split(' ') is not [Mark, var of, .. var rest] || rest.Length != 6 || !Enum.TryParse<Resource>(of, out var resource))
        {
            return null;
        }

        var numbers = rest.Select(static n => int.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0).ToArray();
        return new(resource, numbers[0], numbers[1]) { Grown = numbers[2], Unclear = numbers[3], Idle = numbers[4], IdleTime = TimeSpan.FromMilliseconds(numbers[5]) };
    }
}
