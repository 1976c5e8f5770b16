using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Plugins.ShimV2;

/// <summary>
/// Starts a shim, has it create a trivial container, and removes both; the container is never started. It is the only question
/// whose answer covers the kernel, the cgroup layout, the shim, its runtime and their options together.
/// </summary>
internal sealed class ShimProbe
{
    private readonly HandlerConfig _config;
    private readonly ShimTools _tools;
    private readonly string _id;
    private readonly string _folder;
    private readonly ContainerRemover _remover;
    private readonly SandboxIndex<ShimState> _index;
    private readonly PodLauncher _launcher;
    private readonly ContainerFactory _factory;

    public ShimProbe(HandlerConfig config, IHandlerContext context, ShimTools tools)
    {
        (_config, _tools) = (config, tools);
        // Another handler's probe may run at the same time.
        _id = $"berth-check-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(config.StateDirectory)))[..16]}";
        // Where images are: /run, where state lies, is often mounted noexec.
        _folder = Path.Combine(config.DataDirectory, "check");
        _index = new(Path.Combine(config.StateDirectory, "c"), ShimJson.Settings);
        _remover = new(tools);
        var unsaved = new Unsaved(context.Log);
        _launcher = new(_remover, _index, unsaved, tools);
        _factory = new(_remover, _index, unsaved, tools);
    }

    /// <summary>Returns the shim's refusal, or null.</summary>
    public async Task<string?> RunAsync(CancellationToken cancellationToken)
    {
        var sandbox = Request();
        var files = new ContainerFiles(sandbox.PrivateDirectory, _id);
        Pod? pod = null;
        IProcess? init = null;
        try
        {
            await RemoveAsync(files, null, null).ConfigureAwait(false);
            WriteBundle();
            _tools.Cgroups.Create(sandbox.Cgroup.OverheadPath);
            pod = await _launcher.LaunchAsync(sandbox, cancellationToken).ConfigureAwait(false);
            init = await _factory.MakeSandboxAsync(pod, _index.Find(_id, _id)!, cancellationToken).ConfigureAwait(false);
            return init is EndedInit ended ? ended.Refusal : null;
        }
        catch (Exception e) when (e is RuntimeException or IOException)
        {
            return e.Message;
        }
        finally
        {
            await RemoveAsync(files, pod, init is ShimInit ? init : null).ConfigureAwait(false);
        }
    }

    private async Task RemoveAsync(ContainerFiles files, Pod? pod, IProcess? init)
    {
        await _launcher.RemoveAsync(_id, files, _index.Find(_id, _id), pod, init).ConfigureAwait(false);
        await _tools.Cgroups.RemoveAsync($"/{_id}", CancellationToken.None).ConfigureAwait(false);
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    private PrepareSandboxRequest Request() => new()
    {
        SandboxId = _id,
        Pod = new() { Name = "check", Namespace = "berth", Uid = _id },
        PrivateDirectory = Path.Combine(_folder, "private"),
        BundlePath = _folder,
        NeedsInit = true,
        Hostname = "check",
        Cgroup = new() { Path = _config.CgroupDriver == CgroupDriver.Systemd ? "/system.slice" : "", OverheadPath = $"/{_id}/overhead" },
    };

    // The command is never run; it only must be an executable file.
    private void WriteBundle()
    {
        var rootfs = Directory.CreateDirectory(Path.Combine(_folder, "rootfs")).FullName;
        Directory.CreateDirectory(Path.Combine(_folder, "private"));
        Directory.CreateDirectory(Path.Combine(rootfs, "proc"));
        Directory.CreateDirectory(Path.Combine(rootfs, "dev"));
        var command = Path.Combine(rootfs, "command");
        File.WriteAllText(command, "");
        File.SetUnixFileMode(command, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var cgroup = _config.CgroupDriver == CgroupDriver.Systemd ? $"system.slice:berth:{_id}" : $"/{_id}/container";
        File.WriteAllText(Path.Combine(_folder, "config.json"), $$"""
            {
              "ociVersion": "1.0.2",
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

    // The check's pod is not one of the gateway's; the files of the index are its journal.
    private sealed class Unsaved(IPluginLog log) : IHandlerContext
    {
        public IPluginLog Log => log;

        public Task SaveStateAsync(string id, StateRecord state, CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
