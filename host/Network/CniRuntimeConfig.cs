using System.Text.Json.Nodes;

namespace Berth.Network;

/// <summary>
/// The runtimeConfig of a plugin: only what it declares as a capability and the pod has. Field names are those of the CNI
/// project's CONVENTIONS.md.
/// </summary>
internal static class CniRuntimeConfig
{
    /// <summary>Builds it; null if the plugin gets none.</summary>
    public static JsonObject? Build(CniPlugin plugin, CniRequest request)
    {
        var config = new JsonObject();
        Add(config, plugin, "portMappings", PortMappings(request));
        Add(config, plugin, "dns", Dns(request));
        Add(config, plugin, "bandwidth", Bandwidth(request));
        Add(config, plugin, "cgroupPath", request.CgroupPath is null ? null : JsonValue.Create(request.CgroupPath));
        return config.Count == 0 ? null : config;
    }

    private static void Add(JsonObject config, CniPlugin plugin, string capability, JsonNode? value)
    {
        if (value is not null && plugin.Capabilities.Contains(capability))
        {
            config[capability] = value;
        }
    }

    private static JsonArray? PortMappings(CniRequest request)
    {
        var published = request.PortMappings.Where(static p => p.HostPort > 0).Select(static p => (JsonNode)new JsonObject
        {
            ["hostPort"] = p.HostPort,
            ["containerPort"] = p.ContainerPort,
            ["protocol"] = p.Protocol,
            ["hostIP"] = p.HostIp,
        }).ToArray();
        return published.Length == 0 ? null : [.. published];
    }

    private static JsonObject? Dns(CniRequest request) =>
        request.DnsServers.Count + request.DnsSearches.Count + request.DnsOptions.Count == 0 ? null : new()
        {
            ["servers"] = Texts(request.DnsServers),
            ["searches"] = Texts(request.DnsSearches),
            ["options"] = Texts(request.DnsOptions),
        };

    // The burst is the plugin's to need and nobody's to say: as the kubelet's own shaper had it, as much as an int32 takes.
    private static JsonObject? Bandwidth(CniRequest request)
    {
        if (request is { IngressBandwidth: 0, EgressBandwidth: 0 })
        {
            return null;
        }

        var config = new JsonObject();
        foreach (var (direction, rate) in new[] { ("ingress", request.IngressBandwidth), ("egress", request.EgressBandwidth) })
        {
            if (rate > 0)
            {
                config[$"{direction}Rate"] = rate;
                config[$"{direction}Burst"] = int.MaxValue;
            }
        }

        return config;
    }

    private static JsonArray Texts(IReadOnlyList<string> values) => [.. values.Select(static v => (JsonNode)JsonValue.Create(v)!)];
}
