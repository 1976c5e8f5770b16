using Berth.Configuration;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Configuration;

public sealed class NearestNameTests
{
    [Theory]
    [InlineData("listne", "listen")]
    [InlineData("Listen", "listen")]
    [InlineData("lst", "list")]
    [InlineData("elephant", null)]
    [InlineData("", null)]
    public void Find_Name_GivesTheNearestOrNone(string name, string? expected) =>
        Assert.Equal(expected, NearestName.Find(name, ["listen", "list", "default"]));

    [Fact]
    public void Find_OneLetterChanged_FindsTheName() =>
        Gen.Select(Gen.String[Gen.Char['a', 'z'], 4, 20], Gen.Int[0, 3], Gen.Char['a', 'z']).Sample(
            (name, at, letter) => NearestName.Find(name.Remove(at, 1).Insert(at, $"{letter}"), [name]) == name);

    [Fact]
    public void Find_HugeName_GivesNone() => Assert.Null(NearestName.Find(new string('a', 1_000_000), [new string('a', 1_000_000)]));
}
