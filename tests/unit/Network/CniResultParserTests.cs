using System.Text.Json;
using Berth.Abstractions;
using Berth.Network;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Network;

public sealed class CniResultParserTests
{
    [Fact]
    public void Parse_SeveralInterfaces_Eth0IsPrimaryAndHostInterfacesAreLeftOut()
    {
        var result = Parse(
            """
            {"interfaces":[{"name":"veth1"},{"name":"net1","sandbox":"/n"},{"name":"eth0","mtu":1400,"sandbox":"/n"}],
             "ips":[{"interface":1,"address":"10.9.0.2/16"},{"interface":2,"address":"10.1.0.2/24"},{"interface":2,"address":"fd00::2/64"},{"interface":0,"address":"10.1.0.1/24"}],
             "routes":[{"dst":"0.0.0.0/0","gw":"10.1.0.1"}],"dns":{"nameservers":["10.0.0.10"]}}
            """);

        Assert.Equal(["10.1.0.2", "fd00::2", "10.9.0.2"], result.Ips);
        Assert.Equal(["net1", "eth0"], result.Network.Interfaces.Select(static i => i.Name));
        Assert.Equal(1400, result.Network.Interfaces[1].Mtu);
        Assert.Equal([new PodRoute("0.0.0.0/0", "10.1.0.1")], result.Network.Routes);
        Assert.Equal(["10.0.0.10"], result.Network.DnsServers);
    }

    [Theory]
    [InlineData("""{"ips":[{"address":"10.1.0.2/24"}]}""")]
    [InlineData("""{"interfaces":[{"name":"cali1"}],"ips":[{"address":"10.1.0.2/24","version":"4"}]}""")]
    [InlineData("""{"interfaces":null,"ips":[{"address":"10.1.0.2/24","interface":null}],"routes":null}""")]
    public void Parse_AddressWithoutInterface_IsThePods(string json) => Assert.Equal(["10.1.0.2"], Parse(json).Ips);

    [Theory]
    [InlineData("""{"ips":[]}""", "no address")]
    [InlineData("""{"ips":[{"address":"0.0.0.0/0"}]}""", "cannot be a pod's address")]
    [InlineData("""{"ips":[{"address":"127.0.0.1/8"}]}""", "cannot be a pod's address")]
    [InlineData("""{"ips":[{"address":"224.0.0.1/8"}]}""", "cannot be a pod's address")]
    [InlineData("""{"ips":[{"address":"::/0"}]}""", "cannot be a pod's address")]
    [InlineData("""{"ips":[{"address":"10.1.0.2/33"}]}""", "no address with a prefix length")]
    [InlineData("""{"ips":[{"address":"10.1.0.2"}]}""", "no address with a prefix length")]
    [InlineData("""{"ips":[{"address":"10.1.0.2/24\nnameserver 6.6.6.6"}]}""", "no address with a prefix length")]
    [InlineData("""{"ips":["10.1.0.2/24"]}""", "where an object")]
    [InlineData("""{"ips":{}}""", "ips is no list")]
    [InlineData("""{"interfaces":[{"name":"eth0","sandbox":"/n"}],"ips":[{"interface":1,"address":"10.1.0.2/24"}]}""", "not listed")]
    [InlineData("""{"interfaces":[{"name":"eth0","sandbox":"/n"}],"ips":[{"interface":-1,"address":"10.1.0.2/24"}]}""", "not listed")]
    [InlineData("""{"interfaces":[{"name":"a/../../b","sandbox":"/n"}]}""", "the name")]
    [InlineData("""{"interfaces":[{"name":"eth0","mac":"; rm","sandbox":"/n"}]}""", "the mac")]
    [InlineData("""{"ips":[{"address":"10.1.0.2/24"}],"routes":[{"dst":"x"}]}""", "the route")]
    [InlineData("""{"ips":[{"address":"10.1.0.2/24"}],"routes":[{"dst":"0.0.0.0/0","gw":"x"}]}""", "the gateway")]
    [InlineData("""{"ips":[{"address":"10.1.0.2/24"}],"dns":{"nameservers":["x"]}}""", "the name server")]
    public void Parse_OutOfBounds_IsRefused(string json, string reason)
    {
        var failure = Assert.Throws<RuntimeException>(() => Parse(json));

        Assert.Contains(reason, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_MillionRoutes_IsRefused()
    {
        var routes = string.Join(',', Enumerable.Repeat("""{"dst":"10.0.0.0/8"}""", 100_000));

        var failure = Assert.Throws<RuntimeException>(() => Parse($$"""{"ips":[{"address":"10.1.0.2/24"}],"routes":[{{routes}}]}"""));

        Assert.Contains("100000 entries", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_AnyMutation_ParsesOrIsRefused()
    {
        const string valid = """{"interfaces":[{"name":"eth0","mac":"02:00:00:00:00:01","mtu":1500,"sandbox":"/n"}],"ips":[{"interface":0,"address":"10.1.0.2/24"}],"routes":[{"dst":"0.0.0.0/0","gw":"10.1.0.1"}],"dns":{"nameservers":["10.0.0.1"]}}""";
        Gen.Select(Gen.Int[0, valid.Length - 1], Gen.Char["{}[]\",:0a./-\\n"]).Sample((at, character) =>
        {
            var mutated = valid[..at] + character + valid[(at + 1)..];
            try
            {
                Parse(mutated);
            }
            catch (Exception e) when (e is RuntimeException or JsonException)
            {
                // Refused.
            }
        });
    }

    private static CniResult Parse(string json)
    {
        var request = CniFixture.Request(CniFixture.List("x"));
        return CniResultParser.Parse(JsonElement.Parse(json), CniNetworkList.Parse(request.ConfigJson), request);
    }
}
