using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Abstractions;

namespace Berth.Plugins.Vm;

/// <summary>A file or folder of the host that a container wants.</summary>
/// <param name="Index">Its place among the container's mounts.</param>
/// <param name="Source">On the host.</param>
/// <param name="Destination">In the container.</param>
/// <param name="ReadOnly">Whether the container may only read.</param>
/// <param name="Recursive">Whether mounts beneath come along.</param>
internal sealed record HostMount(int Index, string Source, string Destination, bool ReadOnly, bool Recursive);

/// <summary>
/// A bundle's config.json turned into one for the runtime in the guest. The VM is the pod's isolation: its network, IPC and host
/// name are the guest's own, and what names things of the host (paths, processors, devices, profiles) means nothing in it.
/// </summary>
internal sealed class GuestSpec
{
    private static readonly string[] OwnedByTheGuest = ["network", "ipc", "uts", "user"];
    private static readonly string[] HostOnly = ["apparmorProfile", "selinuxLabel"];
    private static readonly string[] HostOnlyLinux = ["mountLabel", "intelRdt", "devices", "uidMappings", "gidMappings", "timeOffsets"];
    private static readonly string[] GuestResources = ["memory", "cpu", "pids", "unified", "devices"];
    private readonly JsonObject _config;

    private GuestSpec(JsonObject config) => _config = config;

    /// <summary>Reads a bundle.</summary>
    public static GuestSpec Read(string bundle)
    {
        try
        {
            return new(JsonNode.Parse(File.ReadAllBytes(Path.Combine(bundle, "config.json"))) as JsonObject ?? throw new JsonException("it is no object"));
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException)
        {
            throw RuntimeException.InvalidArgument($"bundle {bundle}: config.json cannot be read: {e.Message}");
        }
    }

    /// <summary>The mounts that come from the host, but for the pod's shared memory, which is the guest's.</summary>
    public IReadOnlyList<HostMount> HostMounts() =>
        [.. Mounts().Select(static (m, i) => Describe(m, i)).OfType<HostMount>().Where(static m => m.Destination != "/dev/shm")];

    /// <summary>The spec for the guest.</summary>
    /// <param name="rootfs">The root's path in the guest.</param>
    /// <param name="cgroup">The container's cgroup in the guest.</param>
    /// <param name="sharedMemory">The folder in the guest that is the pod's /dev/shm.</param>
    /// <param name="sources">Paths in the guest, by the mount's place.</param>
    public byte[] Build(string rootfs, string cgroup, string sharedMemory, IReadOnlyDictionary<int, string> sources)
    {
        var config = _config.DeepClone().AsObject();
        config.Remove("hooks");
        Child(config, "root")["path"] = rootfs;
        config["mounts"] = new JsonArray([.. Mounts().Select((m, i) => InGuest(m, sources.GetValueOrDefault(i), sharedMemory, i))]);
        if (config["process"] is JsonObject process)
        {
            RemoveAll(process, HostOnly);
        }

        var linux = Child(config, "linux");
        RemoveAll(linux, HostOnlyLinux);
        linux["cgroupsPath"] = cgroup;
        linux["namespaces"] = Namespaces(linux["namespaces"] as JsonArray);
        if (linux["resources"] is JsonObject resources)
        {
            linux["resources"] = Resources(resources);
        }

        return JsonSerializer.SerializeToUtf8Bytes(config);
    }

    /// <summary>Limits that mean something in the guest.</summary>
    public static JsonObject Resources(JsonObject host)
    {
        var resources = host.DeepClone().AsObject();
        RemoveAll(resources, [.. resources.Select(static p => p.Key).Except(GuestResources)]);
        if (resources["cpu"] is JsonObject cpu)
        {
            // Numbers of the host's processors and memory nodes.
            RemoveAll(cpu, ["cpus", "mems"]);
        }

        return resources;
    }

    private static JsonObject InGuest(JsonObject mount, string? source, string sharedMemory, int index)
    {
        var own = mount.DeepClone().AsObject();
        own["source"] = source ?? (Describe(mount, index) is { Destination: "/dev/shm" } ? sharedMemory : mount["source"]?.ToString() ?? "");
        return own;
    }

    private static JsonArray Namespaces(JsonArray? given)
    {
        var kept = (given ?? []).OfType<JsonObject>().Select(static n => n["type"]?.ToString())
            .Where(static t => t is not null && !OwnedByTheGuest.Contains(t)).Append("cgroup").Append("mount").Distinct();
        return new([.. kept.Select(static t => (JsonNode)new JsonObject { ["type"] = t })]);
    }

    private IEnumerable<JsonObject> Mounts() => (_config["mounts"] as JsonArray ?? []).OfType<JsonObject>();

    private static HostMount? Describe(JsonObject mount, int index)
    {
        var options = (mount["options"] as JsonArray ?? []).Select(static o => o?.ToString()).ToList();
        var isBind = mount["type"]?.ToString() == "bind" || options.Contains("bind") || options.Contains("rbind");
        return !isBind ? null : new(
            index,
            mount["source"]?.ToString() ?? throw RuntimeException.InvalidArgument("a bind mount of config.json has no source"),
            mount["destination"]?.ToString() ?? throw RuntimeException.InvalidArgument("a mount of config.json has no destination"),
            options.Contains("ro"),
            options.Contains("rbind"));
    }

    private static JsonObject Child(JsonObject parent, string name)
    {
        if (parent[name] is not JsonObject child)
        {
            parent[name] = child = [];
        }

        return child;
    }

    private static void RemoveAll(JsonObject from, IReadOnlyList<string> names)
    {
        foreach (var name in names)
        {
            from.Remove(name);
        }
    }
}
