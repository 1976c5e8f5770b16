using System.Net;
using System.Text.Json.Nodes;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>A gateway whose pods have an address of each family.</summary>
public sealed class DualStack(Suite suite) : IAsyncLifetime
{
    private const string Routing = "net/ipv6/conf/all/forwarding";
    private Gateway? _gateway;
    private Forwarding? _forwarding;

    public Gateway Gateway => _gateway!;

    /// <summary>Of pods; the bridge has the first address.</summary>
    public IPNetwork Subnet { get; } = IPNetwork.Parse($"fd00:be27:{Random.Shared.Next(0xffff):x}:{Random.Shared.Next(0xffff):x}::/64");

    /// <summary>The node's address on the pods' bridge.</summary>
    public IPAddress Node => IPAddress.Parse(Subnet.BaseAddress + "1");

    /// <summary>
    /// Whether the node answers there. A new address is tentative for a second, until no neighbour has claimed it, and is no address
    /// of the node's so long: /proc/net/if_inet6 has it with the flag IFA_F_TENTATIVE, see rtnetlink(7).
    /// </summary>
    public bool IsNodeThere()
    {
        const int Tentative = 0x40;
        var address = Convert.ToHexStringLower(Node.GetAddressBytes());
        return File.ReadLines("/proc/net/if_inet6").Select(static l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Any(f => f[0] == address && (Convert.ToInt32(f[4], 16) & Tentative) == 0);
    }

    public async ValueTask InitializeAsync()
    {
        if (!HasIpv6)
        {
            return;
        }

        _forwarding = new(Routing);
        _gateway = await suite.OwnGatewayAsync();
        var file = Directory.GetFiles(Gateway.Network.ConfDir).Single();
        var list = JsonNode.Parse(await File.ReadAllTextAsync(file))!;
        var ipam = list["plugins"]![0]!["ipam"]!;
        ipam["ranges"]!.AsArray().Add(new JsonArray(new JsonObject { ["subnet"] = Subnet.ToString() }));
        ipam["routes"]!.AsArray().Add(new JsonObject { ["dst"] = "::/0" });
        await File.WriteAllTextAsync(file, list.ToJsonString());
    }

    /// <summary>Runs a pod; the test is skipped where the kernel has no IPv6.</summary>
    public async Task<TestPod> PodAsync(string handler, Action<Cri.Protos.PodSandboxConfig>? change = null)
    {
        Assert.SkipUnless(HasIpv6, "this kernel has no IPv6");
        var (ready, reason) = await Gateway.HandlerAsync(handler);
        Assert.SkipUnless(ready, $"{handler}: {reason}");
        return await TestPod.RunAsync(Gateway.Client, Gateway.Logs, handler, change);
    }

    public async ValueTask DisposeAsync()
    {
        if (_gateway is not null)
        {
            await _gateway.DisposeAsync();
        }

        _forwarding?.Dispose();
    }

    private static bool HasIpv6 => File.Exists("/proc/sys/" + Routing);
}
