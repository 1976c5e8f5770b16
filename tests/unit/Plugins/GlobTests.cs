using System.Text.RegularExpressions;
using Berth.Plugins;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Plugins;

public sealed class GlobTests
{
    [Theory]
    [InlineData("", "", true)]
    [InlineData("*", "", true)]
    [InlineData("?", "", false)]
    [InlineData("kube-*", "kube-system", true)]
    [InlineData("*-*-c", "a-b-c", true)]
    [InlineData("a?c", "abc", true)]
    [InlineData("abc", "ABC", false)]
    [InlineData("*a*b", "aXbX", false)]
    [InlineData("[a]", "a", false)]
    public void IsMatch_PatternAndText_GivesExpected(string pattern, string text, bool expected) => Assert.Equal(expected, Glob.IsMatch(pattern, text));

    [Fact]
    public void IsMatch_AnyPattern_AgreesWithTheRegularExpression() =>
        Gen.Select(Gen.String[Gen.OneOf('a', 'b', '*', '?'), 0, 8], Gen.String[Gen.OneOf('a', 'b', '*'), 0, 10]).Sample((pattern, text) =>
        {
            var regex = Regex.Escape(pattern).Replace("\\*", ".*", StringComparison.Ordinal).Replace("\\?", ".", StringComparison.Ordinal);
            return Glob.IsMatch(pattern, text) == Regex.IsMatch(text, $@"\A{regex}\z");
        });

    [Fact]
    public void IsMatch_HostilePattern_EndsSoon() =>
        Assert.False(Glob.IsMatch(string.Concat(Enumerable.Repeat("*a", 500)) + "b", new string('a', 5000)));
}
