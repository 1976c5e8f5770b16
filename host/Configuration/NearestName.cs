namespace Berth.Configuration;

/// <summary>Finds what somebody meant who wrote a name wrong.</summary>
public static class NearestName
{
    private const int LongestName = 64;

    /// <summary>The candidate with the fewest edits, if they are few for a name of that length; else null.</summary>
    public static string? Find(string name, IEnumerable<string> candidates)
    {
        if (name.Length > LongestName)
        {
            return null;
        }

        var allowed = Math.Max(1, name.Length / 3);
        return candidates
            .Where(c => Math.Abs(c.Length - name.Length) <= allowed)
            .Select(c => (Name: c, Edits: Distance(name.ToLowerInvariant(), c.ToLowerInvariant())))
            .Where(c => c.Edits <= allowed)
            .OrderBy(static c => c.Edits).ThenBy(c => Math.Abs(c.Name.Length - name.Length)).ThenBy(static c => c.Name, StringComparer.Ordinal)
            .Select(static c => c.Name)
            .FirstOrDefault();
    }

    /// <summary><c>; did you mean 'x'?</c> or the list of what there is.</summary>
    public static string Hint(string name, IReadOnlyCollection<string> candidates)
    {
        var known = candidates.Count == 0 ? "none" : string.Join(", ", candidates.Order(StringComparer.Ordinal));
        return Find(name, candidates) is { } nearest ? $"did you mean '{nearest}'? known: {known}" : $"known: {known}";
    }

    // Levenshtein's distance with one row: cost[j] is the distance of the first i characters of a and the first j of b.
    private static int Distance(string a, string b)
    {
        var cost = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = cost[0];
            cost[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = cost[j];
                cost[j] = Math.Min(replace, Math.Min(cost[j], cost[j - 1]) + 1);
            }
        }

        return cost[b.Length];
    }
}
