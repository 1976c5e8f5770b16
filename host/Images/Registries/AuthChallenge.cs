namespace Berth.Images.Registries;

/// <summary>What a registry asks for in a <c>WWW-Authenticate</c> header (RFC 9110, 11.6.1).</summary>
internal sealed record AuthChallenge(string Scheme, IReadOnlyDictionary<string, string> Parameters)
{
    public bool IsBearer => Scheme.Equals("bearer", StringComparison.OrdinalIgnoreCase);

    public bool IsBasic => Scheme.Equals("basic", StringComparison.OrdinalIgnoreCase);

    public string? Parameter(string name) => Parameters.GetValueOrDefault(name);

    /// <summary>Reads one header value: a scheme, then <c>name="value"</c> with commas; what is malformed ends it.</summary>
    public static AuthChallenge Parse(string scheme, string? parameters)
    {
        var values = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var rest = parameters.AsSpan();
        while (true)
        {
            rest = rest.TrimStart(" ,\t");
            var equals = rest.IndexOf('=');
            if (equals <= 0)
            {
                return new(scheme, values);
            }

            var name = rest[..equals].Trim().ToString();
            rest = rest[(equals + 1)..].TrimStart();
            values[name] = rest is ['"', ..] ? TakeQuoted(ref rest) : TakePlain(ref rest);
        }
    }

    private static string TakeQuoted(ref ReadOnlySpan<char> rest)
    {
        var value = new System.Text.StringBuilder();
        var at = 1;
        for (; at < rest.Length && rest[at] != '"'; at++)
        {
            if (rest[at] == '\\' && at + 1 < rest.Length)
            {
                at++;
            }

            value.Append(rest[at]);
        }

        rest = rest[Math.Min(at + 1, rest.Length)..];
        return value.ToString();
    }

    private static string TakePlain(ref ReadOnlySpan<char> rest)
    {
        var end = rest.IndexOf(',');
        var value = (end < 0 ? rest : rest[..end]).Trim().ToString();
        rest = end < 0 ? [] : rest[end..];
        return value;
    }
}
