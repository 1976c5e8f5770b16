using System.Text.Json.Nodes;
using Berth.Linux;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>A gateway with a plugin for every deed, and a pod on runc that must not notice any of them.</summary>
public sealed class HostileGateway(Suite suite) : IAsyncLifetime
{
    /// <summary>Deeds by plugin; after one that ends a plugin's process the next start waits a little longer each time.</summary>
    private static readonly IReadOnlyDictionary<string, string[]> Plugins = new Dictionary<string, string[]>
    {
        ["rude"] = ["throws", "answers-nothing", "takes-anothers-state", "lacks-a-library", "floods-the-log", "stays-at-the-end", "brings-old-packages"],
        ["dying"] = ["exits", "fails-fast", "overflows-the-stack"],
        ["greedy"] = ["allocates", "leaks-threads", "leaks-descriptors"],
        ["lying"] = ["corrupts-the-connection", "answers-another-id", "answers-without-end"],
        ["silent"] = ["hangs", "spins"],
    };

    /// <summary>Those after which a pod does not start, with what the caller is told.</summary>
    public static readonly IReadOnlyDictionary<string, string> Failing = new Dictionary<string, string>
    {
        ["throws"] = "InvalidCastException",
        ["allocates"] = "plugin greedy failed",
        ["overflows-the-stack"] = "process is gone",
        ["exits"] = "process is gone",
        ["fails-fast"] = "process is gone",
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

    public async ValueTask InitializeAsync()
    {
        _gateway = await suite.OwnGatewayAsync(settings =>
        {
            var folder = Path.Combine(Path.GetDirectoryName((string)settings["plugins"]!["folders"]![0]!)!, "hostile");
            settings["plugins"]!["folders"]!.AsArray().Add(folder);
            foreach (var (id, deeds) in Plugins)
            {
                HostilePlugins.Write(folder, id, deeds);
                settings["plugins"]![id] = new JsonObject { ["memoryBytes"] = 128 << 20, ["pids"] = 128 };
            }
        });
        _beside = await TestPod.RunAsync(Gateway.Client, Gateway.Logs, "runc");
        _container = await _beside.StartAsync(Requests.Idle());
    }

    /// <summary>The processes of the plugin that does this.</summary>
    public IReadOnlyList<int> PidsOf(string deed)
    {
        var plugin = Plugins.Single(p => p.Value.Contains(deed)).Key;
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
