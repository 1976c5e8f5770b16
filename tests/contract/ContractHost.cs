using System.Collections.Concurrent;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Remoting.Client;
using Berth.Tests.Support;

namespace Berth.Tests.Contract;

/// <summary>
/// The smallest gateway: gives ids and folders, keeps what handlers save, makes what the contract says that the host makes. At
/// its end it demands that nothing is left.
/// </summary>
internal sealed class ContractHost : IAsyncDisposable
{
    private const int SigKill = 9;
    private const string HandlerFolder = "h";
    private readonly List<ContractPod> _pods = [];
    private readonly bool _serialised;
    private readonly bool _isApart;
    private readonly HandlerUnderTest _under;
    private Journal? _journal;
    private RemotePlugin? _apart;

    private ContractHost(HandlerUnderTest under, bool serialised)
    {
        (_under, _serialised, _isApart) = (under, serialised, serialised && under.RunsApart);
        Folder = Directory.CreateDirectory($"/run/bc-{Random.Shared.Next():x8}").FullName;
        CgroupRoot = TestCgroups.Root($"berth-contract-{Path.GetFileName(Folder)}");
        SandboxRootfs = Bundle.MakeRootfs(Path.Combine(DataFolder, "sandbox"));
    }

    public string Folder { get; }

    public string CgroupRoot { get; }

    /// <summary>What the sandbox's own bundle runs on.</summary>
    public string SandboxRootfs { get; }

    /// <summary>What containers run on.</summary>
    public Image Image { get; private set; } = null!;

    public HandlerFeatures Features => Check.Features;

    /// <summary>The plugin's process, where the host has one of its own.</summary>
    public RemotePlugin? Apart => _apart;

    /// <summary>How this handler differs beyond its features.</summary>
    public HandlerUnderTest UnderTest => _under;

    public Cgroups Cgroups { get; } = new(CgroupLayout.Detect());

    public HandlerCheck Check { get; private set; } = new() { Ready = false };

    public IRuntimeHandler Handler { get; private set; } = null!;

    public ConcurrentDictionary<string, StateRecord> States { get; } = new();

    public ConcurrentQueue<string> Lines { get; } = new();

    /// <summary>The gateway was killed, and no other is there.</summary>
    public bool IsKilled => _journal is { IsClosed: true };

    /// <summary>Called before a state is kept; to fail there is to be killed there.</summary>
    public Action<string> OnSave { get; set; } = static _ => { };

    public string DataFolder => Folder.Replace("/run/", "/var/lib/", StringComparison.Ordinal);

    /// <summary>Opens it for a handler that is ready and does not lack what the test needs; else the test is skipped with the reason.</summary>
    public static async Task<ContractHost> OpenAsync(string handler, bool serialised, Func<HandlerFeatures, string?>? lacks = null)
    {
        Assert.SkipUnless(HandlerUnderTest.All.Any(h => h.Name == handler), $"{handler} is not under test");
        return await OpenAsync(HandlerUnderTest.Named(handler), serialised, lacks);
    }

    /// <summary>The same for one that not every test runs on.</summary>
    public static async Task<ContractHost> OpenAsync(HandlerUnderTest under, bool serialised, Func<HandlerFeatures, string?>? lacks = null)
    {
        await HandlerEnvironments.OpenAsync(under);
        var host = new ContractHost(under, serialised);
        try
        {
            host.Handler = await host.NewHandlerAsync();
            host.Check = await host.Handler.CheckAsync(CancellationToken.None);
            var reason = host.Check.Ready ? "" : $"{under.Name} is not ready: {host.Check.Reason ?? "no reason given"}";
            Assert.True(host.Check.Ready || !under.MustBeReady, reason);
            Assert.SkipUnless(host.Check.Ready, reason);
            host.SkipIfLacking(lacks);
            host.Image = new(Directory.CreateDirectory(Path.Combine(host.DataFolder, "image")).FullName, host.Features);
        }
        catch
        {
            await host.CloseAsync();
            throw;
        }

        return host;
    }

    /// <summary>The same with a process of the plugin's that is the host's own.</summary>
    public static async Task<ContractHost> OpenApartAsync(string handler)
    {
        var host = await OpenAsync(handler, serialised: true);
        await host.Handler.DisposeAsync();
        host._apart = await RemotePlugin.StartAsync(PluginProcesses.Options(host._under, $"/berth-contract-{Path.GetFileName(host.Folder)}-own"), CancellationToken.None);
        await host.ReviveAsync();
        return host;
    }

    /// <summary>Skips the test with what the handler says that it lacks.</summary>
    public void SkipIfLacking(Func<HandlerFeatures, string?>? lacks)
    {
        if (lacks?.Invoke(Features) is { } lack)
        {
            Assert.Skip($"{_under.Name} {lack}");
        }
    }

    /// <summary>Another handler on the same folders, as after a restart of the gateway.</summary>
    public async Task<IRuntimeHandler> NewHandlerAsync()
    {
        var config = NewConfig();
        _journal = new(this);
        if (_isApart)
        {
            return await (_apart ?? await PluginProcesses.OfAsync(_under)).CreateHandlerAsync(config, _journal, CancellationToken.None);
        }

        var handler = await _under.NewPlugin().CreateHandlerAsync(_serialised ? Wire.Copy(config) : config, _journal, CancellationToken.None);
        return _serialised ? new SerialisingProxy(handler) : handler;
    }

    /// <summary>Kills the gateway, as far as one process can: the handler object is dropped as it is, and its journal with it.</summary>
    public async Task KillAsync()
    {
        _journal!.Close();
        // An object in the plugin's process would go on there: the suite's other handlers of that process must not die with it.
        if (_under.HoldsConnections || _isApart)
        {
            await Handler.DisposeAsync();
        }
    }

    /// <summary>A new gateway on the same folders.</summary>
    public async Task ReviveAsync() => Handler = await NewHandlerAsync();

    public async Task RestartAsync()
    {
        await KillAsync();
        await ReviveAsync();
    }

    /// <summary>Disposes of the handler, as a gateway does whose plugin has a new version, and goes on with another.</summary>
    public async Task ReplaceAsync()
    {
        await Handler.DisposeAsync();
        _journal!.Close();
        await ReviveAsync();
    }

    /// <summary>Goes on with a handler in a process of its own, until <see cref="KillApartAsync"/>.</summary>
    public async Task MoveApartAsync()
    {
        await KillAsync();
        _journal = new(this);
        _apart = await RemotePlugin.StartAsync(PluginProcesses.Options(_under, $"/berth-contract-{Path.GetFileName(Folder)}-apart"), CancellationToken.None);
        Handler = await _apart.CreateHandlerAsync(NewConfig(), _journal, CancellationToken.None);
    }

    /// <summary>Kills that process, and goes on with a new handler here, on the same folders.</summary>
    /// <param name="killed">Told at once.</param>
    public async Task KillApartAsync(Action killed)
    {
        _journal!.Close();
        using (var process = PidFd.TryOpen(_apart!.Pid!.Value))
        {
            Assert.True(process!.Signal(SigKill));
        }

        killed();

        await EndApartAsync();
        await ReviveAsync();
    }

    /// <summary>Processes and mounts of the handler's.</summary>
    public IReadOnlyList<string> Remains() =>
    [
        .. Leftovers.Processes(Folder, DataFolder),
        .. ((string[])[Path.Combine(Folder, HandlerFolder), DataFolder]).SelectMany(MountTable.Beneath).Select(static m => $"mount {m.MountPoint}"),
    ];

    private HandlerConfig NewConfig() => new()
    {
        Name = _under.Name,
        Options = _under.OptionsJson,
        StateDirectory = Directory.CreateDirectory(Path.Combine(Folder, HandlerFolder)).FullName,
        DataDirectory = Directory.CreateDirectory(Path.Combine(DataFolder, HandlerFolder)).FullName,
        CgroupDriver = TestCgroups.Driver,
    };

    private async Task EndApartAsync()
    {
        if (Interlocked.Exchange(ref _apart, null) is { } plugin)
        {
            await plugin.DisposeAsync();
        }
    }

    private async Task CloseAsync()
    {
        if (Handler is not null)
        {
            await Handler.DisposeAsync();
        }

        DeleteFolders();
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

    public async ValueTask DisposeAsync()
    {
        OnSave = static _ => { };
        foreach (var pod in _pods)
        {
            await pod.DestroyAsync();
        }

        if (Features.OwnsImageStore)
        {
            await Handler.ReleaseImageAsync(Image.Id, CancellationToken.None);
        }

        var owned = await Handler.ListOwnedAsync(CancellationToken.None);
        await Handler.DisposeAsync();
        await EndApartAsync();
        var processes = await Leftovers.SettledAsync(Folder, DataFolder);
        var mounts = MountTable.Beneath(Folder).Concat(MountTable.Beneath(DataFolder)).ToList();
        await TestCgroups.StopSliceAsync(CgroupRoot);
        // In every hierarchy, for runtimes make it where the host did not; it fails while a process lives on in it.
        await Cgroups.RemoveAsync(CgroupRoot, CancellationToken.None);
        DeleteFolders();
        Assert.Empty(owned);
        Assert.Empty(processes);
        Assert.Empty(mounts);
        Assert.DoesNotContain(Lines, static l => l.StartsWith("Error", StringComparison.Ordinal));
    }

    /// <summary>What one handler object is lent; closed, it keeps nothing more.</summary>
    private sealed class Journal(ContractHost host) : IHandlerContext, IPluginLog
    {
        private volatile bool _closed;

        public IPluginLog Log => this;

        public bool IsClosed => _closed;

        public void Close() => _closed = true;

        public Task SaveStateAsync(string id, StateRecord state, CancellationToken cancellationToken)
        {
            if (_closed)
            {
                throw RuntimeException.Unavailable("the gateway that kept this is gone");
            }

            host.OnSave(id);
            host.States[id] = host._serialised ? Wire.Copy(state) : state;
            Assert.True(JsonSerializer.SerializeToUtf8Bytes(state).Length < 64 * 1024);
            return Task.CompletedTask;
        }

        public void Write(PluginLogLevel level, string message)
        {
            if (!_closed)
            {
                host.Lines.Enqueue($"{level}: {message}");
            }
        }
    }
}
