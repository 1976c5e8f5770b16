using System.Globalization;
using System.Text;
using System.Text.Json;
using Berth.Abstractions;

namespace Acme;

/// <summary>Writes what plain-run runs, from what the gateway has written.</summary>
internal static class Plain
{
    private static readonly string[] Devices = ["null", "zero", "full", "random", "urandom", "tty"];

    /// <summary>It lies beside this assembly, in the folder that the gateway has made of the plugin's.</summary>
    public static string Program { get; } = Path.Combine(Path.GetDirectoryName(typeof(Plain).Assembly.Location)!, "plain-run");

    /// <summary>A container: into its cgroups, its namespaces, its root, and to a stop before its command.</summary>
    public static void WriteInit(CreateContainerRequest request)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(request.BundlePath, "config.json")));
        var config = document.RootElement;
        var root = Path.GetFullPath(config.GetProperty("root").GetProperty("path").GetString()!, request.BundlePath);
        var inside = new StringBuilder("set -e\nmount --make-rprivate /\n");
        foreach (var mount in config.GetProperty("mounts").EnumerateArray())
        {
            Mount(inside, root, mount);
        }

        inside.Append(CultureInfo.InvariantCulture, $": > \"$1/ready\"\nread -r _ < \"$1/start\"\nexec {Command(config.GetProperty("process"))} {Tool("unshare")} --root={Quote(root)} --wd={Quote(config.GetProperty("process").GetProperty("cwd").GetString()!)} -- {Arguments(config.GetProperty("process"))}\n");
        File.WriteAllText(Path.Combine(request.BundlePath, "plain-inside"), inside.ToString());
        File.WriteAllText(Path.Combine(request.BundlePath, "plain-init"), $"""
            set -e
            for h in /sys/fs/cgroup /sys/fs/cgroup/*; do
              [ -d "$h"{Quote(Path.GetDirectoryName(CgroupOf(config))!)} ] || continue
              mkdir -p "$h"{Quote(CgroupOf(config))}
              echo "$h"{Quote(CgroupOf(config))} >> "$1/cgroups"
              echo $$ 2>/dev/null > "$h"{Quote(CgroupOf(config))}/cgroup.procs || true
            done
            exec {Namespaces(config)} {Tool("unshare")} --mount --pid --fork --kill-child sh {Quote(Path.Combine(request.BundlePath, "plain-inside"))} "$1"

            """);
    }

    /// <summary>A command in a container whose first process is the script's argument.</summary>
    public static void WriteExec(string processPath)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(processPath));
        var process = document.RootElement;
        File.WriteAllText(processPath + ".plain", $"""
            exec {Command(process)} {Tool("nsenter")} --target "$1" --mount --uts --ipc --net --pid --root --wd="/proc/$1/root"{Quote(process.GetProperty("cwd").GetString()!)} -- {Arguments(process)}

            """);
    }

    private static void Mount(StringBuilder script, string root, JsonElement mount)
    {
        var (type, source, destination) = (Text(mount, "type"), Text(mount, "source"), Text(mount, "destination"));
        var options = mount.TryGetProperty("options", out var list) ? list.EnumerateArray().Select(static o => o.GetString()!).ToList() : [];
        var target = Quote(root + destination);
        if (options.Contains("bind") || options.Contains("rbind"))
        {
            script.Append(CultureInfo.InvariantCulture, $"if [ -d {Quote(source)} ]; then mkdir -p {target}; else [ -e {target} ] || : > {target}; fi\nmount --rbind {Quote(source)} {target}\n");
        }
        else if (type is "proc" or "tmpfs" or "sysfs")
        {
            script.Append(CultureInfo.InvariantCulture, $"mkdir -p {target}\nmount -t {type} {type} {target}\n");
        }

        if (destination == "/dev")
        {
            foreach (var device in Devices)
            {
                script.Append(CultureInfo.InvariantCulture, $": > {Quote($"{root}/dev/{device}")}\nmount --bind /dev/{device} {Quote($"{root}/dev/{device}")}\n");
            }
        }
    }

    private static string Namespaces(JsonElement config) =>
        string.Join(' ', config.GetProperty("linux").GetProperty("namespaces").EnumerateArray()
            .Where(static n => n.TryGetProperty("path", out _))
            .Select(static n => (Type: Text(n, "type"), Path: Text(n, "path")))
            .Where(static n => n.Type is "network" or "ipc" or "uts")
            .Select(static n => $"--{(n.Type == "network" ? "net" : n.Type)}={Quote(n.Path)}")
            .Prepend(Tool("nsenter")).Append("--"));

    private static string CgroupOf(JsonElement config) => Text(config.GetProperty("linux"), "cgroupsPath");

    private static string Command(JsonElement process) =>
        $"/usr/bin/env -i {string.Join(' ', process.GetProperty("env").EnumerateArray().Select(static e => Quote(e.GetString()!)))}";

    private static string Arguments(JsonElement process) => string.Join(' ', process.GetProperty("args").EnumerateArray().Select(static a => Quote(a.GetString()!)));

    private static string Tool(string name) => Programs.Find(name) ?? name;

    private static string Text(JsonElement item, string name) => item.TryGetProperty(name, out var text) ? text.GetString() ?? "" : "";

    private static string Quote(string text) => $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
