using System.Text.RegularExpressions;
using Berth.Cri.Protos;
using Xunit;

namespace Berth.Tests.Unit.Cri;

/// <summary>docs/cri.md is about this API.</summary>
public sealed partial class ApiPageTests
{
    [Fact]
    public void Page_HasARowForEveryCall()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "cri.md"));
        foreach (var service in RuntimeReflection.Descriptor.Services)
        {
            var chapter = page[page.IndexOf($"## {service.Name}\n", StringComparison.Ordinal)..];
            var rows = Row().Matches(chapter[..chapter.IndexOf("\n\n", StringComparison.Ordinal)]).Select(static m => m.Groups[1].Value);
            Assert.Equal(service.Methods.Select(static m => m.Name).Order(), rows.Order());
        }
    }

    [GeneratedRegex(@"^\| `(\w+)` \| \S", RegexOptions.Multiline)]
    private static partial Regex Row();
}
