using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Berth.Abstractions;
using Berth.Configuration;
using Berth.Linux;
using Berth.Metrics;
using Berth.Remoting.Client;

namespace Berth.Plugins.Remote;

/// <summary>
/// Starts plugins in processes of their own. Each has a cgroup beneath one that belongs to this gateway's state folder; what
/// an earlier gateway left there is ended before the first one starts, and all of it with this gateway.
/// </summary>
public sealed class RemotePlugins(string state, CgroupDriver driver, Cgroups cgroups, TimeProvider time, ILoggerFactory loggers) : IAsyncDisposable
{
    /// <summary>The program's name; it lies beside the gateway's own.</summary>
    public const string ProgramName = "berth-plugin-host";

    private readonly string _parent = Parent(state, driver);
    private readonly ConcurrentDictionary<RemotePlugin, (string Id, string Version, string Digest)> _plugins = [];
    private readonly SemaphoreSlim _sweeping = new(1);
    private readonly ILogger _logger = loggers.CreateLogger<RemotePlugins>();
    private bool _isSwept;
    private int _last;

    /// <exception cref="PluginRejectedException">It cannot be started or loaded.</exception>
    internal async Task<IPluginCode> StartAsync(string folder, PluginManifest manifest, PluginsOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await SweepAsync(cancellationToken);
            var cgroup = $"{_parent}/{manifest.Id}-{Interlocked.Increment(ref _last)}";
            var code = new Code();
            var plugin = await RemotePlugin.StartAsync(
                new()
                {
                    Plugin = manifest.Id,
                    Folder = folder,
                    Assembly = manifest.Assembly,
                    Program = Path.Combine(AppContext.BaseDirectory, ProgramName),
                    Cgroup = cgroup,
                    Cgroups = cgroups,
                    Limits = LimitsOf(manifest.Id, options),
                    Log = new ProcessLog(manifest.Id, _logger),
                    EndedIdle = code.OnEndedIdle,
                    Time = time,
                },
                cancellationToken);
            _plugins[plugin] = (manifest.Id, manifest.Version, Path.GetFileName(folder));
            PluginsLog.PluginProcessStarted(_logger, manifest.Id, plugin.Pid, cgroup);
            code.Of = plugin;
            code.Forget = () => _plugins.TryRemove(plugin, out _);
            return code;
        }
        catch (Exception e) when (e is RuntimeException or PluginProcessException or IOException)
        {
            throw new PluginRejectedException(PluginState.Failed, PluginRefusal.Load, e.Message, e);
        }
    }

    /// <summary>Holds the processes to the limits that are in force now.</summary>
    public void Limit(PluginsOptions options)
    {
        foreach (var (plugin, (id, _, _)) in _plugins)
        {
            plugin.Limit(LimitsOf(id, options));
        }
    }

    /// <summary>What the processes take now.</summary>
    public IReadOnlyList<PluginProcessSample> Look() => [.. _plugins.Select(static p =>
    {
        var usage = p.Key.Pid is { } pid ? ProcessUsage.TryRead(pid) ?? default : default;
        return new PluginProcessSample(
            p.Value.Id, p.Value.Version, p.Value.Digest, p.Key.Pid, p.Key.Crashes, usage.CpuSeconds, usage.MemoryBytes, usage.Descriptors);
    })];

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // At once, as some take their time to end; and one that fails in it keeps no other.
        await Task.WhenAll(_plugins.Select(p => EndAsync(p.Key, p.Value.Id, p.Value.Version)));
        await RemoveParentAsync(CancellationToken.None);
        _sweeping.Dispose();
    }

    private async Task EndAsync(RemotePlugin plugin, string id, string version)
    {
        try
        {
            await plugin.DisposeAsync();
        }
        catch (Exception e)
        {
            PluginsLog.PluginNotUnloaded(_logger, id, version, e.Message);
        }
    }

    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        await _sweeping.WaitAsync(cancellationToken);
        try
        {
            if (!_isSwept)
            {
                await cgroups.KillAsync(_parent, cancellationToken);
                await RemoveParentAsync(cancellationToken);
                _isSwept = true;
            }
        }
        finally
        {
            _sweeping.Release();
        }
    }

    // With version 1 a container can be in cgroups of its own in one hierarchy and still in the plugin's in another, if its runtime has
    // forgotten that one: it lives, as pods do, and the cgroup goes when it has ended.
    private async Task RemoveParentAsync(CancellationToken cancellationToken)
    {
        try
        {
            await cgroups.RemoveAsync(_parent, cancellationToken);
        }
        catch (LinuxException e)
        {
            PluginsLog.CgroupStays(_logger, _parent, e.Message);
        }
    }

    private static PluginLimits LimitsOf(string id, PluginsOptions options)
    {
        var given = options.ById.GetValueOrDefault(id);
        return new()
        {
            MemoryBytes = given?.MemoryBytes ?? PluginLimits.DefaultMemoryBytes,
            Pids = given?.Pids ?? PluginLimits.DefaultPids,
            CpuMillis = given?.CpuMillis ?? PluginLimits.DefaultCpuMillis,
        };
    }

    // Gateways on one machine are told apart by their state folders.
    private static string Parent(string state, CgroupDriver driver)
    {
        var name = $"berth-plugins-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(state)))[..8]}";
        return driver == CgroupDriver.Systemd ? $"/system.slice/{name}" : $"/{name}";
    }

    /// <summary>Code in another process: nothing of it is ever in this one's memory.</summary>
    private sealed class Code : IPluginCode
    {
        public event Action<string>? EndedIdle;

        public RemotePlugin? Of { get; set; }

        public Action Forget { get; set; } = static () => { };

        public IRuntimePlugin Plugin => Of!;

        public PluginIsolation Isolation => PluginIsolation.Process;

        public WeakReference? Remains { get; } = new(null);

        public void EndStuckCalls(string reason) => _ = Of!.EndStuckAsync(reason);

        public void OnEndedIdle(string reason) => EndedIdle?.Invoke(reason);

        public ValueTask DisposeAsync()
        {
            Forget();
            return Of!.DisposeAsync();
        }
    }

    private sealed class ProcessLog(string plugin, ILogger logger) : IPluginLog
    {
        public void Write(PluginLogLevel level, string message) =>
            PluginsLog.PluginProcess(logger, level == PluginLogLevel.Error ? LogLevel.Error : LogLevel.Warning, plugin, message);
    }
}
