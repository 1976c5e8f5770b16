using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>What the agent changes in a config.json.</summary>
internal static class ContainerConfig
{
    /// <summary>The config for the guest, and whether its process has a terminal.</summary>
    public static (byte[] Config, bool Terminal) Fit(string containerId, string json)
    {
        var config = Parse(json);
        config.Remove("hooks");
        var linux = config["linux"] as JsonObject ?? [];
        config["linux"] = linux;
        linux["cgroupsPath"] = GuestPaths.Cgroup(containerId);
        var kept = (linux["namespaces"] as JsonArray ?? []).OfType<JsonObject>().Select(static n => n["type"]?.ToString())
            .Where(static t => t is "pid" or "mount" or "cgroup" or "user");
        // A type without a path is a new namespace; network, ipc and uts stay those of the guest.
        linux["namespaces"] = new JsonArray([.. kept.Append("mount").Distinct().Select(static t => (JsonNode)new JsonObject { ["type"] = t })]);
        linux.Remove("apparmorProfile");
        return (Bytes(config), IsTrue(config["process"]?["terminal"]));
    }

    /// <summary>A process for the runtime's exec, and whether it has a terminal.</summary>
    public static (byte[] Process, bool Terminal) Process(string json)
    {
        var process = Parse(json);
        process.Remove("apparmorProfile");
        process.Remove("selinuxLabel");
        return (Bytes(process), IsTrue(process["terminal"]));
    }

    private static JsonObject Parse(string json)
    {
        try
        {
            return JsonNode.Parse(json) as JsonObject ?? throw AgentException.Invalid("the config is no object");
        }
        catch (JsonException e)
        {
            throw AgentException.Invalid($"the config is no JSON: {e.Message}");
        }
    }

    private static bool IsTrue(JsonNode? node) => node is JsonValue value && value.TryGetValue<bool>(out var set) && set;

    private static byte[] Bytes(JsonObject value)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            value.WriteTo(writer);
        }

        return buffer.ToArray();
    }
}
