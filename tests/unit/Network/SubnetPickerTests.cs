using System.Net;
using Berth.Abstractions;
using Berth.Network;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Network;

public sealed class SubnetPickerTests
{
    [Fact]
    public void FirstFree_AnythingTaken_OverlapsNothing()
    {
        var network = Gen.Select(Gen.Byte, Gen.Byte, Gen.Int[8, 32]).Select((b, c, length) => Containing($"10.{b}.{c}.0", length));
        Gen.Select(network.List[0, 40], Gen.Int[20, 28]).Sample((taken, length) =>
        {
            var free = SubnetPicker.FirstFree(length, taken);
            Assert.Equal(length, free.PrefixLength);
            Assert.DoesNotContain(taken, t => t.Contains(free.BaseAddress) || free.Contains(t.BaseAddress));
        });
    }

    [Fact]
    public void FirstFree_AllTaken_SaysSo()
    {
        var failure = Assert.Throws<RuntimeException>(
            () => SubnetPicker.FirstFree(24, [IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("172.16.0.0/12"), IPNetwork.Parse("192.168.0.0/16")]));

        Assert.Equal(RuntimeErrorCode.ResourceExhausted, failure.Code);
    }

    [Fact]
    public void Routes_KernelTable_SkipsTheDefaultRoute()
    {
        string[] lines =
        [
            "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT",
            "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0",
            "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
        ];

        Assert.Equal([IPNetwork.Parse("192.0.2.0/24")], SubnetPicker.Routes(lines));
    }

    [Fact]
    public void Pick_SubnetOfAnotherConfiguration_IsLeftAlone()
    {
        var folder = Directory.CreateTempSubdirectory("berth-conf-");
        try
        {
            var before = SubnetPicker.Pick(24, [folder.FullName, "/nonexistent"]);
            File.WriteAllText(Path.Combine(folder.FullName, "a.conflist"), CniBridgeConfig.Create("brx", before, "/x"));

            Assert.NotEqual(before, SubnetPicker.Pick(24, [folder.FullName]));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void BridgeConfig_Created_IsAValidList()
    {
        var list = CniNetworkList.Parse(CniBridgeConfig.Create("berth0", IPNetwork.Parse("10.222.0.0/24"), "/run/berth/ipam"));

        Assert.Equal(["bridge", "portmap"], list.Plugins.Select(static p => p.Type));
        Assert.Contains("portMappings", list.Plugins[1].Capabilities);
    }

    private static IPNetwork Containing(string address, int length)
    {
        var number = (uint)IPAddress.NetworkToHostOrder(BitConverter.ToInt32(IPAddress.Parse(address).GetAddressBytes())) & (uint.MaxValue << (32 - length));
        return new(new IPAddress(BitConverter.GetBytes(IPAddress.HostToNetworkOrder((int)number))), length);
    }
}
