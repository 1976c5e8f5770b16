using System.Text.RegularExpressions;

namespace Berth.Configuration;

/// <summary>Names of handlers and ids of plugins: what Kubernetes takes in RuntimeClass.handler, a DNS label (RFC 1123).</summary>
public static partial class HandlerNames
{
    public const string Rule = "lower-case letters, digits and dashes, at most 63, no dash at either end";

    public static bool IsValid(string name) => name.Length <= 63 && Label.IsMatch(name);

    [GeneratedRegex(@"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Label { get; }
}
