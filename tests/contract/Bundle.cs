using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Tests.Support;

namespace Berth.Tests.Contract;

/// <summary>Makes OCI bundles whose root file system is a static busybox.</summary>
internal static class Bundle
{
    private static readonly string[] Applets = ["sh", "sleep", "cat", "echo", "true", "kill", "tr", "dd", "head", "tail", "id", "ls", "nc", "readlink", "touch", "uname"];

    public static string MakeRootfs(string folder)
    {
        var bin = Directory.CreateDirectory(Path.Combine(folder, "bin")).FullName;
        foreach (var name in (string[])["proc", "dev", "sys", "tmp"])
        {
            Directory.CreateDirectory(Path.Combine(folder, name));
        }

        File.Copy(Busybox.Path, Path.Combine(bin, "busybox"));
        foreach (var applet in Applets)
        {
            File.CreateSymbolicLink(Path.Combine(bin, applet), "busybox");
        }

        return folder;
    }

    /// <summary>Writes config.json.</summary>
    /// <param name="folder">The bundle.</param>
    /// <param name="rootfs">The root file system.</param>
    /// <param name="ociVersion">The version to claim.</param>
    /// <param name="cgroup">The container's cgroup.</param>
    /// <param name="arguments">The command.</param>
    /// <param name="namespaces">Paths by type; an empty path makes a new one.</param>
    /// <param name="resources">The limits.</param>
    /// <param name="edit">A last word on it.</param>
    public static void Write(
        string folder, string rootfs, string ociVersion, string cgroup, string[] arguments, IReadOnlyDictionary<string, string> namespaces, JsonObject resources,
        Action<JsonObject>? edit = null)
    {
        var config = new JsonObject
        {
            ["ociVersion"] = ociVersion,
            ["process"] = Process(arguments),
            ["root"] = new JsonObject { ["path"] = rootfs },
            ["mounts"] = new JsonArray(
                Mount("/proc", "proc"),
                Mount("/dev", "tmpfs", "nosuid", "mode=755", "size=64k"),
                Mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620")),
            ["linux"] = new JsonObject
            {
                ["cgroupsPath"] = cgroup,
                ["resources"] = resources,
                ["namespaces"] = new JsonArray([.. namespaces.Select(static n => Namespace(n.Key, n.Value))]),
            },
        };
        edit?.Invoke(config);
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
    }

    /// <summary>A folder or file of the host in the container.</summary>
    public static JsonObject BindMount(string source, string destination, bool readOnly) => new()
    {
        ["destination"] = destination,
        ["type"] = "bind",
        ["source"] = source,
        ["options"] = new JsonArray("rbind", "rprivate", readOnly ? "ro" : "rw"),
    };

    /// <summary>The file of a process for exec.</summary>
    public static string WriteProcess(string folder, string name, string[] arguments)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllText(path, Process(arguments).ToJsonString());
        return path;
    }

    private static JsonObject Process(string[] arguments) => new()
    {
        ["user"] = new JsonObject { ["uid"] = 0, ["gid"] = 0 },
        ["args"] = JsonSerializer.SerializeToNode(arguments),
        ["env"] = new JsonArray("PATH=/bin"),
        ["cwd"] = "/",
    };

    private static JsonObject Mount(string destination, string type, params string[] options) => new()
    {
        ["destination"] = destination,
        ["type"] = type,
        ["source"] = type,
        ["options"] = JsonSerializer.SerializeToNode(options),
    };

    private static JsonObject Namespace(string type, string path) =>
        path.Length == 0 ? new() { ["type"] = type } : new() { ["type"] = type, ["path"] = path };
}
