using System.Globalization;

namespace Berth.Plugins.Health;

/// <summary>What a process can run out of, whatever memory it has.</summary>
internal enum Resource
{
    Descriptors,
    Threads,
}

/// <summary>How much more of a resource the gateway had after calls into some code than before.</summary>
/// <param name="Alone">While calls of no other plugin ran.</param>
/// <param name="Shared">While others had calls as well, or nobody had, and this code was the last.</param>
/// <param name="AtStart">What of both came while only such calls ran in it as a start makes too.</param>
internal readonly record struct Growth(int Alone, int Shared, int AtStart)
{
    public static Growth operator +(Growth a, Growth b) => new(a.Alone + b.Alone, a.Shared + b.Shared, a.AtStart + b.AtStart);
}

/// <summary>The gateway ended itself, as a resource ran out.</summary>
/// <param name="Of">Which.</param>
/// <param name="Taken">How much of it the gateway had.</param>
/// <param name="Limit">How much there was.</param>
/// <param name="Grown">What of that was more than its pods need.</param>
/// <param name="Unclear">What of the growth came while several plugins had calls.</param>
internal sealed record Starvation(Resource Of, int Taken, int Limit, int Grown, int Unclear)
{
    private const string Mark = "starved";

    public string Text => string.Create(CultureInfo.InvariantCulture, $"the gateway ran out of {Name} (it had {Taken} of {Limit})");

    public string Name => Of == Resource.Threads ? "threads" : "descriptors";

    public string Write() => string.Create(CultureInfo.InvariantCulture, $"{Mark} {Of} {Taken} {Limit} {Grown} {Unclear}");

    public static Starvation? Read(string end)
    {
        if (end.Split(' ') is not [Mark, var of, .. var rest] || rest.Length != 4 || !Enum.TryParse<Resource>(of, out var resource))
        {
            return null;
        }

        var numbers = rest.Select(static n => int.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0).ToArray();
        return new(resource, numbers[0], numbers[1], numbers[2], numbers[3]);
    }
}
