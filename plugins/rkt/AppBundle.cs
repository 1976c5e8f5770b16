using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>
/// Makes an app's own bundle from the gateway's. The gateway's names paths and namespaces of the host; stage 1 sees neither, so
/// what is to be mounted is first bound into the app's folder, and namespaces that stage 1 is in already are left out.
/// Cgroups are left out too: they are the handler's work.
/// </summary>
internal sealed class AppBundle(Stage1 stage1, AppFolder app, CgroupLayout cgroups)
{

    /// <summary>Reads the gateway's config.json.</summary>
    public static JsonObject Read(CreateContainerRequest request)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllBytes(Path.Combine(request.BundlePath, "config.json"))) as JsonObject
                ?? throw RuntimeException.InvalidArgument($"bundle {request.BundlePath}: config.json is no object");
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException)
        {
            throw RuntimeException.InvalidArgument($"bundle {request.BundlePath}: config.json cannot be read: {e.Message}");
        }
    }

    /// <summary>Makes the folders and mounts, and writes config.json.</summary>
    public void Make(JsonObject config, CreateContainerRequest request, string cgroup)
    {
        Directory.CreateDirectory(app.Rootfs);
        Mounts.Bind(request.Rootfs.Path!, app.Rootfs);
        (config["root"] as JsonObject ?? [])["path"] = stage1.Seen(app.Rootfs);
        if (config["linux"] is JsonObject linux)
        {
            linux.Remove("cgroupsPath");
            linux.Remove("resources");
            Namespaces(config, linux);
        }

        MountPoints(config, cgroup);
        if (request.LogPath is { } log)
        {
            Directory.CreateDirectory(app.Log);
            Mounts.Bind(Path.GetDirectoryName(log)!, app.Log);
        }

        File.WriteAllText(app.Config, config.ToJsonString());
    }

    private void Namespaces(JsonObject config, JsonObject linux)
    {
        var asked = (linux["namespaces"] as JsonArray ?? []).OfType<JsonObject>().ToDictionary(static n => Text(n["type"]), static n => Text(n["path"]));
        JsonArray kept = [];
        foreach (var (type, path) in asked.Where(n => n.Key == "mount" || stage1.Leader > 0))
        {
            if (path.Length == 0)
            {
                kept.Add(new JsonObject { ["type"] = type });
            }
            else if (type == "pid" && path != $"/proc/{stage1.Leader}/ns/pid")
            {
                // Another app's, which a debugging container joins.
                kept.Add(new JsonObject { ["type"] = type, ["path"] = Bound(path, Path.Combine(app.Path, "ns-pid"), recursive: false) });
            }
        }

        if (stage1.Leader > 0 && !asked.ContainsKey("pid"))
        {
            throw RuntimeException.InvalidArgument($"container {app.Id}: the host's PID namespace cannot be seen from within a machine; use runc, or the flavour fly");
        }

        linux["namespaces"] = kept;
        if (asked.GetValueOrDefault("uts") is not "")
        {
            config.Remove("hostname");
            config.Remove("domainname");
        }
    }

    private void MountPoints(JsonObject config, string cgroup)
    {
        var number = 0;
        JsonArray mounts = [];
        foreach (var mount in (config["mounts"] as JsonArray ?? []).OfType<JsonObject>().ToList())
        {
            config["mounts"]!.AsArray().Remove(mount);
            foreach (var own in Text(mount["type"]) is "cgroup" or "cgroup2" ? CgroupMounts(mount, cgroup) : [mount])
            {
                Bind(own, number++);
                mounts.Add(own);
            }
        }

        config["mounts"] = mounts;
    }

    private void Bind(JsonObject mount, int number)
    {
        var options = (mount["options"] as JsonArray ?? []).Select(Text).ToList();
        var recursive = options.Contains("rbind");
        if (stage1.Leader == 0 || !(recursive || options.Contains("bind") || Text(mount["type"]) == "bind"))
        {
            return;
        }

        mount["source"] = Bound(Text(mount["source"]), app.Volume(number), recursive);
    }

    /// <summary>Binds a file or folder of the host into the app's folder, and returns its path in stage 1.</summary>
    private string Bound(string source, string target, bool recursive)
    {
        if (!Path.IsPathRooted(source) || FileStatus.Find(source) is not { } status)
        {
            throw RuntimeException.InvalidArgument($"container {app.Id}: there is no '{source}' to mount");
        }

        if (status.Kind == FileKind.Folder)
        {
            Directory.CreateDirectory(target);
        }
        else
        {
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.WriteAllText(target, "");
        }

        Mounts.Bind(source, target, recursive);
        return stage1.Seen(target);
    }

    /// <summary>What a container sees as cgroups is its own part of each hierarchy: one mount on v2; a folder with one for each on v1.</summary>
    private IEnumerable<JsonObject> CgroupMounts(JsonObject mount, string cgroup)
    {
        var destination = Text(mount["destination"]);
        var options = (mount["options"] as JsonArray ?? []).Select(Text).Where(static o => o is "ro" or "rw" or "nosuid" or "nodev" or "noexec").ToList();
        if (cgroups.Mode == CgroupMode.V2)
        {
            return [Own(destination, cgroups.Unified!, options)];
        }

        var tmpfs = new JsonObject
        {
            ["destination"] = destination,
            ["type"] = "tmpfs",
            ["source"] = "tmpfs",
            ["options"] = new JsonArray("nosuid", "nodev", "noexec", "mode=755", "size=64k"),
        };
        return [tmpfs, .. cgroups.Hierarchies.Where(static h => !h.IsV2).Select(h => Own($"{destination}/{string.Join(',', h.Controllers).Replace("name=", "", StringComparison.Ordinal)}", h, options))];

        JsonObject Own(string at, CgroupHierarchy hierarchy, List<string> flags) => new()
        {
            ["destination"] = at,
            ["type"] = "bind",
            ["source"] = hierarchy.Folder(cgroup),
            ["options"] = JsonSerializer.SerializeToNode((string[])["bind", "rprivate", .. flags]),
        };
    }

    private static string Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text)
        ? text
        : node is null ? "" : throw RuntimeException.InvalidArgument(string.Create(CultureInfo.InvariantCulture, $"config.json: {node.GetPath()} is no text"));
}
