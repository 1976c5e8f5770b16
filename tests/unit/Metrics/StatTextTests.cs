using Berth.Metrics;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Metrics;

public sealed class StatTextTests
{
    private const string Stat = "anon 4096\nanon_thp 7\nfile 12\n";

    [Theory]
    [InlineData("anon", 4096UL)]
    [InlineData("file", 12UL)]
    public void Number_Key_IsItsNumber(string key, ulong value) => Assert.Equal(value, StatText.Number(Stat, key));

    [Theory]
    [InlineData(Stat, "none")]
    [InlineData(Stat, "an")]
    [InlineData("anon -1\n", "anon")]
    [InlineData("anon 99999999999999999999999\n", "anon")]
    [InlineData("", "anon")]
    [InlineData(null, "anon")]
    public void Number_KeyMissingOrNoNumber_IsNull(string? text, string key) => Assert.Null(StatText.Number(text, key));

    [Fact]
    public void Number_Max_IsNoLimit()
    {
        Assert.Null(StatText.Number("max\n"));
        Assert.Null(StatText.Limit(9223372036854771712));
        Assert.Equal(4096UL, StatText.Limit(StatText.Number("4096\n")));
    }

    [Fact]
    public void Less_AnyTwo_IsNeverBelowZero() =>
        Gen.Select(Gen.ULong, Gen.ULong).Sample(static (a, b) => Assert.Equal(a > b ? a - b : 0, StatText.Less(a, b)));

    [Fact]
    public void Number_AnyText_IsReadWithoutFailure() =>
        Gen.String[Gen.Char["ab 0123\n"], 0, 40].Sample(static text => _ = StatText.Number(text, "a"));

    [Fact]
    public void Pressure_BothLines_AreRead()
    {
        var stall = StatText.Pressure("some avg10=6.32 avg60=7.99 avg300=9.44 total=251710234\nfull avg10=0.10 avg60=0.00 avg300=0.00 total=7\n");
        Assert.Equal(new(251710234, 6.32, 7.99, 9.44), stall!.Some);
        Assert.Equal(new(7, 0.1, 0, 0), stall.Full);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("some avg10=x avg60=0.00 avg300=0.00 total=7\n")]
    [InlineData("some avg10=1 total=-7\n")]
    public void Pressure_NotUnderstood_IsNull(string? text) => Assert.Null(StatText.Pressure(text));

    [Fact]
    public void Pressure_AnyText_DoesNotThrow() => Gen.String.Sample(static text => StatText.Pressure("some " + text));
}
