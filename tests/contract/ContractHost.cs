using System.Collections.Concurrent;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Tests.Contract;

/// <summary>
/// The smallest gateway: gives ids and folders, keeps what handlers save, makes what the contract says that the host makes. At
/// its end it demands that nothing is left.
/// </summary>
internal sealed class ContractHost : IHandlerContext, IPluginLog, IAsyncDisposable
{
    private readonly List<ContractPod> _pods = [];
    private readonly bool _serialised;
    private readonly HandlerUnderTest _under;

    private ContractHost(HandlerUnderTest under, bool serialised)
    {
        (_under, _serialised) = (under, serialised);
        Folder = Directory.CreateDirectory($"/run/bc-{Random.Shared.Next():x8}").FullName;
        CgroupRoot = $"/berth-contract-{Path.GetFileName(Folder)}";
        Rootfs = Bundle.MakeRootfs(Path.Combine(DataFolder, "rootfs"));
    }

    public string Folder { get; }

    public string CgroupRoot { get; }

    public string Rootfs { get; }

    public Cgroups Cgroups { get; } = new(CgroupLayout.Detect());

    public HandlerCheck Check { get; private set; } = new() { Ready = false };

    public IRuntimeHandler Handler { get; private set; } = null!;

    public ConcurrentDictionary<string, StateRecord> States { get; } = new();

    public ConcurrentQueue<string> Lines { get; } = new();

    /// <summary>Called before a state is kept; to fail there is to be killed there.</summary>
    public Action<string> OnSave { get; set; } = static _ => { };

    public IPluginLog Log => this;

    private string DataFolder => Folder.Replace("/run/", "/var/lib/", StringComparison.Ordinal);

    /// <summary>Opens it for a handler that is ready, or skips the test with the handler's reason.</summary>
    public static async Task<ContractHost> OpenAsync(string handler, bool serialised, Func<HandlerCheck, string?>? lacks = null)
    {
        var host = new ContractHost(HandlerUnderTest.Named(handler), serialised);
        try
        {
            host.Handler = await host.NewHandlerAsync();
            host.Check = await host.Handler.CheckAsync(CancellationToken.None);
        }
        catch
        {
            host.DeleteFolders();
            throw;
        }

        var reason = host.Check.Ready ? lacks?.Invoke(host.Check) : host.Check.Reason ?? "no reason given";
        if (reason is not null)
        {
            await host.DisposeAsync();
            Assert.Skip($"{handler}: {reason}");
        }

        return host;
    }

    /// <summary>Another handler on the same folders, as after a restart of the gateway.</summary>
    public async Task<IRuntimeHandler> NewHandlerAsync()
    {
        var config = new HandlerConfig
        {
            Name = _under.Name,
            Options = _under.OptionsJson,
            StateDirectory = Directory.CreateDirectory(Path.Combine(Folder, "h")).FullName,
            DataDirectory = Directory.CreateDirectory(Path.Combine(DataFolder, "h")).FullName,
            CgroupDriver = CgroupDriver.Cgroupfs,
        };
        var handler = await _under.NewPlugin().CreateHandlerAsync(_serialised ? Wire.Copy(config) : config, this, CancellationToken.None);
        return _serialised ? new SerialisingProxy(handler) : handler;
    }

    public async Task RestartAsync() => Handler = await NewHandlerAsync();

    // Runtimes make the pod's cgroup in hierarchies where the host did not, too.
    private void RemoveCgroups()
    {
        foreach (var root in Cgroups.Layout.Hierarchies.Select(h => h.Folder(CgroupRoot)).Where(Directory.Exists))
        {
            foreach (var folder in Directory.GetDirectories(root, "*", SearchOption.AllDirectories).OrderByDescending(static d => d.Length).Append(root))
            {
                Directory.Delete(folder);
            }
        }
    }

    private void DeleteFolders()
    {
        Directory.Delete(Folder, recursive: true);
        Directory.Delete(DataFolder, recursive: true);
    }

    public ContractPod NewPod(bool sharedPid = false)
    {
        var pod = new ContractPod(this, sharedPid);
        _pods.Add(pod);
        return pod;
    }

    public async Task<ContractPod> StartPodAsync(bool sharedPid = false)
    {
        var pod = NewPod(sharedPid);
        await pod.StartAsync();
        return pod;
    }

    public Task SaveStateAsync(string id, StateRecord state, CancellationToken cancellationToken)
    {
        OnSave(id);
        States[id] = _serialised ? Wire.Copy(state) : state;
        Assert.True(JsonSerializer.SerializeToUtf8Bytes(state).Length < 64 * 1024);
        return Task.CompletedTask;
    }

    public void Write(PluginLogLevel level, string message) => Lines.Enqueue($"{level}: {message}");

    public async ValueTask DisposeAsync()
    {
        OnSave = static _ => { };
        foreach (var pod in _pods)
        {
            await pod.DestroyAsync();
        }

        var owned = await Handler.ListOwnedAsync(CancellationToken.None);
        await Handler.DisposeAsync();
        var processes = Leftovers.Processes(Folder, DataFolder);
        var mounts = MountTable.Beneath(Folder).Concat(MountTable.Beneath(DataFolder)).ToList();
        var cgroups = Cgroups.Exists(CgroupRoot) ? Cgroups.Pids(CgroupRoot) : [];
        RemoveCgroups();
        DeleteFolders();
        Assert.Empty(owned);
        Assert.Empty(processes);
        Assert.Empty(mounts);
        Assert.Empty(cgroups);
        Assert.DoesNotContain(Lines, static l => l.StartsWith("Error", StringComparison.Ordinal));
    }
}
