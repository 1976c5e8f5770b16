using System.Text.Json.Nodes;
using Berth.Linux;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>
/// A gateway with a plugin for every deed, in processes of their own and, what can be borne there, in the gateway's; and a pod on runc
/// that must not notice any of them.
/// </summary>
public sealed class HostileGateway(Suite suite) : IAsyncLifetime
{
    public const string InProcess = "in-process", Process = "process";

    /// <summary>Deeds by plugin; after one that ends a plugin's process the next start waits a little longer each time.</summary>
    private static readonly IReadOnlyDictionary<string, string[]> Plugins = new Dictionary<string, string[]>
    {
        ["rude"] = ["throws", "answers-nothing", "takes-anothers-state", "lacks-a-library", "floods-the-log", "brings-old-packages"],
        ["dying"] = ["exits", "fails-fast", "overflows-the-stack", "crashes-natively"],
        ["greedy"] = ["allocates", "leaks-threads", "leaks-descriptors"],
        ["lying"] = ["corrupts-the-connection", "answers-another-id", "answers-without-end"],
        ["silent"] = ["hangs", "spins"],
    };

    private static readonly string[] Here =
    [
        "throws", "answers-nothing", "takes-anothers-state", "answers-another-id", "answers-without-end", "lacks-a-library", "brings-old-packages",
        "leaks-some-threads", "leaks-some-descriptors",
    ];

    /// <summary>Those after which a pod does not start, with what the caller is told.</summary>
    public static readonly IReadOnlyDictionary<string, string> Failing = new Dictionary<string, string>
    {
        ["throws"] = "InvalidCastException",
        ["allocates"] = "plugin greedy failed",
        ["overflows-the-stack"] = "process is gone",
        ["exits"] = "process is gone",
        ["fails-fast"] = "process is gone",
        ["crashes-natively"] = "process is gone",
        ["corrupts-the-connection"] = "does not keep to the protocol",
        ["answers-nothing"] = "the answer is null",
        ["answers-another-id"] = "was started as another",
        ["answers-without-end"] = "no absolute path",
        ["leaks-threads"] = "plugin greedy failed",
        ["leaks-descriptors"] = "plugin greedy failed",
        ["takes-anothers-state"] = "is no sandbox or container of handler",
    };

    private Gateway? _gateway;
    private TestPod? _beside;
    private string _container = "";

    public Gateway Gateway => _gateway!;

    /// <summary>The deeds of <see cref="Failing"/>, each where it is done.</summary>
    public static IEnumerable<(string Deed, string Isolation)> FailingBySide =>
        [.. Failing.Keys.Select(static d => (d, Process)), .. Failing.Keys.Where(static d => Here.Contains(d)).Select(static d => (d, InProcess))];

    /// <summary>The staged folder of the version that holds on in the gateway's process.</summary>
    public string HeldFolder { get; private set; } = "";

    /// <summary>The cgroup of the version that holds on in a process of its own.</summary>
    public string HeldCgroup { get; private set; } = "";

    /// <summary>The handler that does this there.</summary>
    public static string HandlerOf(string deed, string isolation) => isolation == InProcess ? $"{deed}-here" : deed;

    public async ValueTask InitializeAsync()
    {
        var folder = "";
        _gateway = await suite.OwnGatewayAsync(settings =>
        {
            folder = Path.Combine(Path.GetDirectoryName((string)settings["plugins"]!["folders"]![0]!)!, "hostile");
            settings["plugins"]!["folders"]!.AsArray().Add(folder);
            foreach (var (id, deeds) in Plugins)
            {
                HostilePlugins.Write(folder, id, deeds);
                settings["plugins"]![id] = new JsonObject { ["memoryBytes"] = 128 << 20, ["pids"] = 128 };
            }

            HostilePlugins.Write(folder, "rude-here", Here.ToDictionary(static d => HandlerOf(d, InProcess)), isolation: InProcess);
            NativeLibraries.Write(folder);
        });
        await HoldOnAsync(folder);
        _beside = await TestPod.RunAsync(Gateway.Client, Gateway.Logs, "runc");
        _container = await _beside.StartAsync(Requests.Idle());
    }

    /// <summary>The processes of the plugin that does this.</summary>
    public IReadOnlyList<int> PidsOf(string deed) => PidsOfPlugin(Plugins.Single(p => p.Value.Contains(deed)).Key);

    private List<int> PidsOfPlugin(string plugin)
    {
        var cgroups = new Cgroups(CgroupLayout.Detect());
        return [.. Gateway.PluginProcesses.Where(p => Path.GetFileName(cgroups.PathOf(p, "pids") ?? "").StartsWith(plugin + "-", StringComparison.Ordinal))];
    }

    /// <summary>The pod beside is as it was, another one can be run, and lists are answered.</summary>
    public async Task AssertUndisturbedAsync()
    {
        Assert.Equal((0, "alive\n", ""), await _beside!.ExecAsync(_container, "echo", "alive"));
        await using (var another = await TestPod.RunAsync(Gateway.Client, Gateway.Logs, "runc"))
        {
            Assert.Equal(0, (await another.RunToEndAsync(Requests.Script("end", "exit 0"))).ExitCode);
        }

        Assert.Contains((await Gateway.Client.Runtime.ListPodSandboxAsync(new())).Items, p => p.Id == _beside.Id);
        Assert.True((await Gateway.Client.Runtime.StatusAsync(new())).Status.Conditions.Single(static c => c.Type == "RuntimeReady").Status);
    }

    // Versions that do not let go are replaced at once: what is left of them takes its time, and the tests look at it later.
    private async Task HoldOnAsync(string folder)
    {
        await WriteAsync("holds-on", "1.0.0");
        HeldCgroup = new Cgroups(CgroupLayout.Detect()).PathOf(Assert.Single(PidsOfPlugin("clinging")), "pids")!;
        HeldFolder = Path.Combine(Gateway.Root, "plugins", (await Gateway.Client.Admin.ListPluginsAsync(new())).Plugins.Single(static p => p.Id == "clinging-here").Digest);
        await WriteAsync("obeys", "2.0.0");

        async Task WriteAsync(string deed, string version)
        {
            HostilePlugins.Write(folder, "clinging", new Dictionary<string, string> { ["holds-on"] = deed }, version);
            HostilePlugins.Write(folder, "clinging-here", new Dictionary<string, string> { [HandlerOf("holds-on", InProcess)] = deed }, version, InProcess);
            await Gateway.Client.Admin.ReloadAsync(new());
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_beside is not null)
        {
            await _beside.DisposeAsync();
        }

        if (_gateway is not null)
        {
            await _gateway.DisposeAsync();
        }
    }
}
