using System.Globalization;
using System.Xml.Linq;

namespace Berth.Cli.Kit;

/// <summary>How one promise of the contract was kept.</summary>
/// <param name="Part">The part of the contract: Lifecycle, Exec, ...</param>
/// <param name="Name">The promise.</param>
/// <param name="Failure">Why it was not kept; null if it was.</param>
/// <param name="Skipped">Why it was not asked; null if it was.</param>
internal sealed record KitResult(string Part, string Name, string? Failure, string? Skipped);

/// <summary>The results of a run, for people.</summary>
internal sealed record KitReport(IReadOnlyList<KitResult> Results)
{
    public bool Passed => Results.Count > 0 && Results.All(static r => r.Failure is null);

    /// <summary>From the file that pipelines read.</summary>
    public static KitReport Read(string path) => new([.. XDocument.Load(path).Descendants("testcase").Select(Result)]);

    /// <summary>A line for each part, then what was not asked, then each failure.</summary>
    public IEnumerable<string> Lines()
    {
        foreach (var part in Results.GroupBy(static r => r.Part).OrderBy(static g => g.Key, StringComparer.Ordinal))
        {
            var (failed, skipped) = (part.Count(static r => r.Failure is not null), part.Count(static r => r.Skipped is not null));
            yield return string.Create(
                CultureInfo.InvariantCulture, $"{(failed > 0 ? "FAIL" : "ok  ")} {part.Key,-12} {part.Count() - failed - skipped,3} kept, {failed,2} broken, {skipped,2} not asked");
        }

        foreach (var reason in Results.Where(static r => r.Skipped is not null).GroupBy(static r => r.Skipped!))
        {
            yield return $"not asked, {reason.Count()}: {reason.Key}";
        }

        foreach (var broken in Results.Where(static r => r.Failure is not null))
        {
            yield return $"broken: {broken.Part}: {broken.Name}: {broken.Failure}";
        }

        yield return Passed ? "the contract is kept" : Results.Count == 0 ? "nothing was asked" : "the contract is not kept";
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
