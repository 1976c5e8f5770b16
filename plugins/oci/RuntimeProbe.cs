using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Plugins.Oci;

/// <summary>
/// Creates a trivial container under a monitor and removes it, never starting it: the only question whose answer covers
/// the kernel, the cgroup layout, the monitor and the runtime's arguments together.
/// </summary>
internal sealed class RuntimeProbe(ContainerCreator creator, ContainerRemover remover, SandboxIndex index, HandlerConfig config)
{
    // Another handler's probe may run at the same time, and some runtimes know a container by its id alone.
    private readonly string _id = $"berth-check-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(config.StateDirectory)))[..16]}";

    // Where images are: /run, where state lies, is often mounted noexec.
    private readonly string _bundle = Path.Combine(config.DataDirectory, "check");

    /// <summary>Returns the runtime's refusal, or null.</summary>
    public async Task<string?> RunAsync(string ociVersion, CancellationToken cancellationToken)
    {
        var files = new ContainerFiles(Path.Combine(_bundle, "private"));
        Directory.CreateDirectory(files.Folder);
        WriteBundle(ociVersion);
        var container = new MonitoredContainer { Id = _id, Name = _id, Bundle = _bundle, Files = files };
        var cgroup = new PodCgroup { Path = CgroupParent, OverheadPath = $"/{_id}/overhead" };
        try
        {
            var made = await creator.CreateAsync(container, cgroup, SaveAsync, index.Find(_id, _id), cancellationToken).ConfigureAwait(false);
            await remover.RemoveAsync(_id, files, made.State).ConfigureAwait(false);
            return made.Refusal;
        }
        finally
        {
            index.Remove(_id);
            Directory.Delete(_bundle, recursive: true);
        }
    }

    private string CgroupParent => config.CgroupDriver == CgroupDriver.Systemd ? "/system.slice" : "";

    private Task SaveAsync(OciState state)
    {
        index.Put(_id, _id, state);
        return Task.CompletedTask;
    }

    // The command is never run; it only must be an executable file.
    private void WriteBundle(string ociVersion)
    {
        var rootfs = Directory.CreateDirectory(Path.Combine(_bundle, "rootfs")).FullName;
        Directory.CreateDirectory(Path.Combine(rootfs, "proc"));
        Directory.CreateDirectory(Path.Combine(rootfs, "dev"));
        var command = Path.Combine(rootfs, "command");
        File.WriteAllText(command, "");
        File.SetUnixFileMode(command, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        using var stream = File.Create(Path.Combine(_bundle, "config.json"));
        using var json = new Utf8JsonWriter(stream);
        var cgroup = config.CgroupDriver == CgroupDriver.Systemd ? $"system.slice:berth:{_id}" : $"/{_id}";
        json.WriteRawValue($$"""
            {
              "ociVersion": {{Quote(ociVersion)}},
              "process": { "user": { "uid": 0, "gid": 0 }, "args": ["/command"], "cwd": "/", "env": ["PATH=/"] },
              "root": { "path": {{Quote(rootfs)}}, "readonly": true },
              "mounts": [
                { "destination": "/proc", "type": "proc", "source": "proc" },
                { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"] }
              ],
              "linux": {
                "cgroupsPath": {{Quote(cgroup)}},
                "resources": { "pids": { "limit": 64 } },
                "namespaces": [{ "type": "pid" }, { "type": "mount" }, { "type": "ipc" }, { "type": "uts" }, { "type": "network" }]
              }
            }
            """);
    }

    private static string Quote(string text) => $"\"{JsonEncodedText.Encode(text)}\"";
}
