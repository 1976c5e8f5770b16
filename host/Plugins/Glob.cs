namespace Berth.Plugins;

/// <summary>Patterns of rules: <c>*</c> is any run of characters, <c>?</c> is one; all else is itself.</summary>
internal static class Glob
{
    /// <summary>Needs at most (length of the pattern × length of the text) steps, whatever the pattern.</summary>
    public static bool IsMatch(string pattern, string text)
    {
        // After a mismatch the last star takes one more character; earlier stars never need to change.
        int p = 0, t = 0, star = -1, taken = 0;
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                (star, taken) = (p++, t);
            }
            else if (p < pattern.Length && (pattern[p] == '?' || pattern[p] == text[t]))
            {
                p++;
                t++;
            }
            else if (star >= 0)
            {
                (p, t) = (star + 1, ++taken);
            }
            else
            {
                return false;
            }
        }

        return pattern.AsSpan(p).TrimStart('*').IsEmpty;
    }

    public static bool IsAnyMatch(IReadOnlyList<string> patterns, string text) => patterns.Any(p => IsMatch(p, text));
}
