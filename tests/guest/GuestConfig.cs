using System.Text.Json.Nodes;
using Berth.Guest.Protocol;

namespace Berth.Tests.Guest;

/// <summary>Containers of a shell script, on the machine's disk.</summary>
internal static class GuestConfig
{
    public static JsonObject Of(string script, bool terminal = false) => JsonNode.Parse($$"""
        {
          "ociVersion": "1.0.2",
          "root": { "path": "ROOT" },
          "process": {
            "terminal": {{(terminal ? "true" : "false")}}, "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"],
            "args": ["sh", "-c", {{JsonValue.Create(script).ToJsonString()}}]
          },
          "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] },
            { "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
            { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"] }
          ],
          "hooks": { "prestart": [{ "path": "/no/such/hook" }] },
          "linux": {
            "cgroupsPath": "/of/the/host",
            "namespaces": [{ "type": "pid" }, { "type": "mount" }, { "type": "network", "path": "/run/netns/of-the-host" }, { "type": "ipc" }, { "type": "uts" }]
          }
        }
        """)!.AsObject();

    public static Task MountAsync(GuestClient client, string id) =>
        client.AskAsync(new() { MountDisk = new() { ContainerId = id, Serial = GuestMachine.DiskSerial, FileSystem = "erofs" } });

    public static async Task<GuestProcess> CreateAsync(GuestClient client, string id, JsonObject config)
    {
        await MountAsync(client, id);
        var text = config.ToJsonString().Replace("ROOT", GuestPaths.Rootfs(id), StringComparison.Ordinal);
        return (await client.AskAsync(new() { Create = new() { ContainerId = id, Config = text } })).Process!;
    }
}
