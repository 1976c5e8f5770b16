using Berth.Plugins;
using Xunit;

namespace Berth.Tests.Unit.Plugins;

public sealed class PluginVersionOrderTests
{
    /// <summary>The order of semver.org, section 11, and what a machine's numbers do not hold.</summary>
    [Theory]
    [InlineData("1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0")]
    [InlineData("1.2.9", "1.2.10", "1.10.0", "2.0.0-rc.9", "2.0.0-rc.10", "2.0.0")]
    [InlineData("1.0.0-9", "1.0.0-10", "1.0.0-9x", "1.0.0-A", "1.0.0-a")]
    [InlineData("1.0.0-rc.99999999999999999999", "1.0.0-rc.100000000000000000000")]
    public void Compare_IsTheOrderOfSemver(params string[] ascending)
    {
        var (order, pairs) = (PluginVersionOrder.Instance, ascending.SelectMany((x, i) => ascending.Select((y, k) => (x, y, Expected: i.CompareTo(k)))));
        Assert.All(pairs, p => Assert.Equal(p.Expected, Math.Sign(order.Compare(p.x, p.y))));
    }

    [Fact]
    public void Compare_ABuildsName_IsNoDifference() => Assert.Equal(0, PluginVersionOrder.Instance.Compare("1.0.0-rc.1+a.2", "1.0.0-rc.1+b"));
}
