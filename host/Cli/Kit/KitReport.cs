using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Berth.Cli.Kit;

/// <summary>How one promise of the contract was kept.</summary>
/// <param name="Part">The part of the contract: Lifecycle, Exec, ...</param>
/// <param name="Name">The promise, and whom it was asked of.</param>
/// <param name="Failure">Why it was not kept; null if it was.</param>
/// <param name="Skipped">Why it was not asked; null if it was.</param>
internal sealed partial record KitResult(string Part, string Name, string? Failure, string? Skipped)
{
    public bool IsKept => Failure is null && Skipped is null;

    /// <summary>The handler that it was asked of; empty if it is not said.</summary>
    public string Handler => HandlerArgument().Match(Name).Groups[1].Value;

    [GeneratedRegex("handler: \"([^\"]*)\"")]
    private static partial Regex HandlerArgument();
}

/// <summary>The results of a run, for people.</summary>
/// <param name="Results">Of all tests.</param>
/// <param name="Handlers">Those that the plugin offers: a handler that was asked nothing has kept nothing.</param>
internal sealed record KitReport(IReadOnlyList<KitResult> Results, IReadOnlyCollection<string> Handlers)
{
    public bool Passed => Handlers.Count > 0 && !Unasked.Any() && Results.All(static r => r.Failure is null);

    private IEnumerable<string> Unasked => Handlers.Where(h => !Results.Any(r => r.Handler == h && (r.IsKept || r.Failure is not null))).Order(StringComparer.Ordinal);

    /// <summary>From the file that pipelines read.</summary>
    public static KitReport Read(string path, IReadOnlyCollection<string> handlers) => new([.. XDocument.Load(path).Descendants("testcase").Select(Result)], handlers);

    /// <summary>A line for each part, then what was not asked, then each failure.</summary>
    public IEnumerable<string> Lines()
    {
        foreach (var part in Results.GroupBy(static r => r.Part).OrderBy(static g => g.Key, StringComparer.Ordinal))
        {
            var (failed, kept) = (part.Count(static r => r.Failure is not null), part.Count(static r => r.IsKept));
            yield return string.Create(
                CultureInfo.InvariantCulture, $"{(failed > 0 ? "FAIL" : kept > 0 ? "ok  " : "none")} {part.Key,-12} {kept,3} kept, {failed,2} broken, {part.Count() - failed - kept,2} not asked");
        }

        foreach (var reason in Results.Where(static r => r.Skipped is not null).GroupBy(static r => r.Skipped!))
        {
            yield return $"not asked, {reason.Count()}: {reason.Key}";
        }

        // A handler that is not ready breaks everything, for one reason.
        foreach (var broken in Results.Where(static r => r.Failure is not null).GroupBy(static r => r.Failure!))
        {
            yield return broken.Count() == 1 ? $"broken: {broken.First().Part}: {broken.First().Name}: {broken.Key}" : $"broken, {broken.Count()}: {broken.Key}";
        }

        foreach (var handler in Unasked)
        {
            yield return $"nothing was asked of handler {handler}";
        }

        yield return Passed ? "the contract is kept" : Handlers.Count == 0 ? "the plugin offers no handler: nothing was asked" : "the contract is not kept";
    }

    private static KitResult Result(XElement test)
    {
        var part = ((string?)test.Attribute("classname") ?? "").Split('.')[^1].Replace("Contract", "", StringComparison.Ordinal);
        var name = ((string?)test.Attribute("name") ?? "").Split("Contract.")[^1];
        return new(part, name, Words(test.Element("failure") ?? test.Element("error")), Words(test.Element("skipped")));
    }

    private static string? Words(XElement? element) => element is null ? null
        : ((string?)element.Attribute("message") is { Length: > 0 } message ? message : element.Value).Trim() is { Length: > 0 } text ? text : "no reason given";
}
