using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Network;

/// <summary>A configuration list of the standard plugins: a bridge of our own with addresses by host-local, and published ports.</summary>
public static class CniBridgeConfig
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>The text of the conflist.</summary>
    /// <param name="bridgeName">The bridge, at most 15 characters; also the network's name.</param>
    /// <param name="subnet">The pods' addresses; the bridge gets the first.</param>
    /// <param name="ipamDataDir">Where host-local keeps its leases, so that none lands in /var/lib/cni.</param>
    public static string Create(string bridgeName, IPNetwork subnet, string ipamDataDir)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bridgeName.Length, 15);
        var list = new JsonObject
        {
            ["cniVersion"] = "1.0.0",
            ["name"] = bridgeName,
            ["plugins"] = new JsonArray(Bridge(bridgeName, subnet, ipamDataDir), PortMap()),
        };
        return list.ToJsonString(Indented) + "\n";
    }

    private static JsonObject Bridge(string bridgeName, IPNetwork subnet, string ipamDataDir) => new()
    {
        ["type"] = "bridge",
        ["bridge"] = bridgeName,
        ["isGateway"] = true,
        ["ipMasq"] = true,
        ["hairpinMode"] = true,
        ["ipam"] = new JsonObject
        {
            ["type"] = "host-local",
            ["dataDir"] = ipamDataDir,
            ["ranges"] = new JsonArray(new JsonArray(new JsonObject { ["subnet"] = subnet.ToString() })),
            ["routes"] = new JsonArray(new JsonObject { ["dst"] = "0.0.0.0/0" }),
        },
    };

    private static JsonObject PortMap() => new()
    {
        ["type"] = "portmap",
        ["capabilities"] = new JsonObject { ["portMappings"] = true },
    };
}
