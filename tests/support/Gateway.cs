using System.Collections;
using System.Text.Json.Nodes;
using Berth.Abstractions;
using Berth.Admin.Protos;
using Berth.Linux;
using Grpc.Core;

namespace Berth.Tests.Support;

/// <summary>
/// The real gateway in a process of its own, with folders, socket and bridge of its own. It can be ended, killed and
/// started again; at the end its pods are removed through the API, and it must end in good order.
/// </summary>
public sealed class Gateway : IAsyncDisposable
{
    private static readonly TimeSpan RemovalTime = TimeSpan.FromSeconds(60);

    /// <summary>A handler on runc whose plugin runs in a process of its own; it exists after <see cref="AddApart"/>.</summary>
    public const string Apart = "runc-apart";

    private const string ApartPlugin = "oci-apart";

    private readonly TempFolder _disk = new("/var/lib");
    private readonly TempFolder _volatile = new("/run");
    private readonly int _metricsPort = FreePort.Next();
    private Daemon? _daemon;

    private Gateway()
    {
        Settings = Defaults();
        Client = new(SocketPath);
    }

    public TestNetwork Network { get; } = new();

    public CriClient Client { get; }

    public string Root => _disk["root"];

    public string State => _volatile["state"];

    public string SocketPath => _volatile["berth.sock"];

    /// <summary>What plugins.json says.</summary>
    public JsonObject Settings { get; }

    public string ConfigPath => _disk["plugins.json"];

    /// <summary>A copy of the built plugins that belongs to root, as the gateway requires.</summary>
    public string PluginFolder => _disk["plugins"];

    /// <summary>A folder of hosts.toml files.</summary>
    public string Registries => _disk.Folder("registries");

    /// <summary>A folder of CDI files.</summary>
    public string CdiFolder => _disk.Folder("cdi");

    /// <summary>The file of the classes of disk limits.</summary>
    public string BlockioFile => _disk["blockio.yaml"];

    /// <summary>Where pods' logs go.</summary>
    public string Logs => _disk.Folder("logs");

    /// <summary>A pod's network namespace.</summary>
    public string NetworkNamespace(string podId) => Path.Combine(State, "sandboxes", podId, "ns", "net");

    public Uri Metrics => new($"http://127.0.0.1:{_metricsPort}/metrics");

    /// <summary>The log of all its runs.</summary>
    public string Log => File.ReadAllText(_disk["log"]);

    public int Pid => _daemon!.Pid;

    /// <summary>Its exit status, or 128 + signal, when it has ended.</summary>
    public Task<int> Ended => _daemon!.Ended;

    /// <summary>Adds the handler <see cref="Apart"/> to plugins.json.</summary>
    public static void AddApart(JsonObject settings) =>
        (settings["handlers"] ??= new JsonObject())[Apart] = new JsonObject { ["plugin"] = ApartPlugin, ["options"] = new JsonObject { ["path"] = "runc" } };

    /// <summary>The processes that run plugins for this gateway.</summary>
    public IReadOnlyList<int> PluginProcesses =>
    [
        .. Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(static n => int.TryParse(n, out _)).Select(static n => int.Parse(n!))
            .Where(p => ProcStat.TryRead(p)?.Parent == Pid && IsPluginHost(p)),
    ];

    private static bool IsPluginHost(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline").Contains("berth-plugin-host", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // it has just ended
        }
    }

    /// <param name="configure">Changes plugins.json before the start.</param>
    /// <param name="sample">The sample image's layout, imported after the start.</param>
    public static async Task<Gateway> StartAsync(Action<JsonObject>? configure = null, string? sample = null)
    {
        var gateway = new Gateway();
        try
        {
            gateway.Furnish(configure);
            await gateway.StartAgainAsync();
            if (sample is not null)
            {
                await gateway.Client.Admin.ImportImageAsync(new ImportImageRequest { Path = sample });
            }

            return gateway;
        }
        catch
        {
            await gateway.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs it to its end: for configurations that it refuses.</summary>
    public static async Task<(int ExitCode, string Log)> RunToEndAsync(Action<JsonObject> configure)
    {
        await using var gateway = new Gateway();
        gateway.Furnish(configure);
        await using var daemon = gateway.Launch();
        return (await daemon.Ended.WaitAsync(TimeSpan.FromSeconds(30)), daemon.Log);
    }

    /// <summary>Starts another on the same folders and waits for its end.</summary>
    public async Task<(int ExitCode, string Log)> RunSecondAsync()
    {
        await using var second = Launch(_disk["second.log"], _volatile["second.sock"]);
        return (await second.Ended.WaitAsync(TimeSpan.FromSeconds(30)), second.Log);
    }

    /// <summary>Starts it, for the first time or after it has ended.</summary>
    public async Task StartAgainAsync()
    {
        if (_daemon is { } earlier)
        {
            await earlier.DisposeAsync();
        }

        _daemon = Launch();
        await _daemon.ReadyAsync(Client.AnswersAsync);
    }

    /// <summary>SIGTERM; the exit code.</summary>
    public Task<int> TerminateAsync() => _daemon!.TerminateAsync();

    /// <summary>kill -9.</summary>
    public Task KillAsync() => _daemon!.KillAsync();

    /// <summary>Whether pods can run on a handler, and why not.</summary>
    public async Task<(bool Ready, string Reason)> HandlerAsync(string name) =>
        await RowAsync(name) is { } row ? (row.Ready, row.Reason) : (false, "no such handler");

    /// <summary>What a handler says that it can, by the names of `berth handlers`.</summary>
    public async Task<IReadOnlyList<string>> AbilitiesAsync(string name) => (await RowAsync(name))?.Features ?? [];

    private async Task<HandlerRow?> RowAsync(string name) =>
        (await Client.Admin.ListHandlersAsync(new())).Handlers.FirstOrDefault(h => h.Name == name);

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (_daemon is not null)
            {
                await RemovePodsAsync();
                await _daemon.DisposeAsync();
            }
        }
        finally
        {
            Client.Dispose();
            await Network.DisposeAsync();
            _volatile.Dispose();
            _disk.Dispose();
        }
    }

    /// <summary>Stops and removes all pods.</summary>
    public async Task RemovePodsAsync()
    {
        if (_daemon!.Ended.IsCompleted)
        {
            await StartAgainAsync();
        }

        foreach (var pod in (await Client.Runtime.ListPodSandboxAsync(new())).Items)
        {
            await Wait.ForAsync(() => TryRemoveAsync(pod.Id), static gone => gone, RemovalTime);
        }
    }

    // A plugin's process may just be coming up again: a kubelet tries until it is there.
    private async Task<bool> TryRemoveAsync(string id)
    {
        try
        {
            await Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = id });
            await Client.Runtime.RemovePodSandboxAsync(new() { PodSandboxId = id });
            return true;
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
        {
            return false;
        }
    }

    private Daemon Launch() => Launch(_disk["log"], SocketPath);

    private Daemon Launch(string log, string socket) => Daemon.Launch(
        "berth serve",
        new Command
        {
            Path = Repository.DotNet,
            Arguments = [Repository.Program, "serve", "--config", ConfigPath, "--listen", "unix://" + socket, "--root", Root, "--state", State],
            Environment = RuntimeSettings(),
        },
        log);

    // A process that Berth.Linux starts inherits nothing; how .NET runs is chosen for the whole run.
    private static Dictionary<string, string> RuntimeSettings()
    {
        var settings = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(static e => (Name: (string)e.Key, Value: (string)e.Value!))
            .Where(static e => e.Name.StartsWith("DOTNET_", StringComparison.Ordinal)).ToDictionary(static e => e.Name, static e => e.Value);
        settings.TryAdd("DOTNET_GCgen0size", "0x200000");
        return settings;
    }

    // Whoever configures it may fail: what was made until then must go.
    private void Furnish(Action<JsonObject>? configure)
    {
        CopyPlugins();
        configure?.Invoke(Settings);
        File.WriteAllText(ConfigPath, Settings.ToJsonString());
    }

    // BERTH_TEST_PLUGINS makes them fewer: each costs every start of a gateway time.
    private void CopyPlugins()
    {
        var wanted = Environment.GetEnvironmentVariable("BERTH_TEST_PLUGINS") is { Length: > 0 } few ? few.Split(',').Select(static p => Path.Combine(Repository.Plugins, p)) : Directory.GetDirectories(Repository.Plugins);
        foreach (var file in wanted.SelectMany(static f => Directory.GetFiles(f, "*", SearchOption.AllDirectories)))
        {
            var target = Path.Combine(PluginFolder, Path.GetRelativePath(Repository.Plugins, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        CopyApart();
    }

    // The oci plugin once more, under another id and with no handler of its own: nothing loads it before a test asks for it.
    private void CopyApart()
    {
        var folder = Directory.CreateDirectory(Path.Combine(PluginFolder, ApartPlugin)).FullName;
        foreach (var file in Directory.GetFiles(Path.Combine(Repository.Plugins, "oci")))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        var manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "plugin.json")))!.AsObject();
        (manifest["id"], manifest["handlers"]) = (ApartPlugin, new JsonObject());
        manifest.Remove("isolation");
        File.WriteAllText(Path.Combine(folder, "plugin.json"), manifest.ToJsonString());
    }

    private JsonObject Defaults() => new()
    {
        ["gateway"] = new JsonObject { ["cgroupDriver"] = TestCgroups.Driver == CgroupDriver.Systemd ? "systemd" : "cgroupfs" },
        // Copies, which nobody has signed.
        ["plugins"] = new JsonObject { ["folders"] = new JsonArray(PluginFolder), ["signatures"] = new JsonObject { ["allowUnsigned"] = true } },
        ["selection"] = new JsonObject
        {
            ["default"] = "runc",
            ["annotations"] = new JsonObject { ["handlers"] = new JsonArray("runc", "crun"), ["namespaces"] = new JsonArray("*") },
        },
        ["images"] = new JsonObject { ["registries"] = Registries },
        ["devices"] = new JsonObject { ["cdiFolders"] = new JsonArray(CdiFolder), ["blockioFile"] = BlockioFile },
        ["network"] = new JsonObject { ["confDir"] = Network.ConfDir, ["binDirs"] = new JsonArray("/usr/lib/cni") },
        ["metrics"] = new JsonObject { ["listen"] = $"127.0.0.1:{_metricsPort}" },
    };
}
