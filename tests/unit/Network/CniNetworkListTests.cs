using Berth.Network;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Network;

public sealed class CniNetworkListTests
{
    [Fact]
    public void Parse_SinglePlugin_IsAListOfOne()
    {
        var list = CniNetworkList.Parse("""{"cniVersion":"0.4.0","name":"one","type":"ptp","ipam":{"type":"host-local"}}""");

        var plugin = Assert.Single(list.Plugins);
        Assert.Equal(("ptp", "host-local"), (plugin.Type, plugin.IpamType));
    }

    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("""{"name":"n","plugins":[{"type":"x"}]}""", "cniVersion is missing")]
    [InlineData("""{"cniVersion":"9.0.0","name":"n","plugins":[{"type":"x"}]}""", "cniVersion '9.0.0' is not known")]
    [InlineData("""{"cniVersion":"1.0.0","plugins":[{"type":"x"}]}""", "name is missing")]
    [InlineData("""{"cniVersion":"1.0.0","name":"../etc","plugins":[{"type":"x"}]}""", "the name '../etc'")]
    [InlineData("""{"cniVersion":"1.0.0","name":"n","plugins":[]}""", "plugins is not a list")]
    [InlineData("""{"cniVersion":"1.0.0","name":"n","plugins":{}}""", "plugins is not a list")]
    [InlineData("""{"cniVersion":"1.0.0","name":"n","plugins":[{}]}""", "type is missing")]
    [InlineData("""{"cniVersion":"1.0.0","name":"n","plugins":["x"]}""", "type is missing")]
    [InlineData("""{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"../../bin/sh"}]}""", "type '../../bin/sh' must be a bare file name")]
    [InlineData("""{"cniVersion":"1.0.0","name":"n","plugins":[{"type":".."}]}""", "must be a bare file name")]
    [InlineData("""{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"x","ipam":{"type":"/bin/sh"}}]}""", "ipam.type '/bin/sh' must be a bare file name")]
    [InlineData("""{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"x","type":"y"}]}""", "not valid JSON")]
    [InlineData("""{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"x","capabilities":[]}]}""", "capabilities of plugin x is no object")]
    public void Parse_Invalid_SaysWhy(string json, string reason)
    {
        var failure = Assert.Throws<FormatException>(() => CniNetworkList.Parse(json));

        Assert.Contains(reason, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_AnyMutationOfAValidList_ParsesOrIsRefused()
    {
        const string valid = """{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"x","ipam":{"type":"y"},"capabilities":{"dns":true}}]}""";
        Gen.Select(Gen.Int[0, valid.Length - 1], Gen.Char["{}[]\",:x0./\\n\0"]).Sample((at, character) =>
        {
            try
            {
                var list = CniNetworkList.Parse(valid[..at] + character + valid[(at + 1)..]);
                Assert.DoesNotContain(list.Plugins, static p => p.Type.Contains('/') || p.IpamType?.Contains('/') == true);
            }
            catch (FormatException)
            {
                // Refused.
            }
        });
    }
}
