using System.Text.Json.Nodes;
using Berth.Cli.Up;
using Berth.Cri.Protos;
using Berth.Tests.Support;
using Xunit;

[assembly: AssemblyFixture(typeof(Berth.Tests.Integration.Suite))]
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]

namespace Berth.Tests.Integration;

/// <summary>
/// What the whole run shares: one gateway, one registry and one Docker Engine. At its end the machine must be as it was before, or the run fails.
/// </summary>
public sealed class Suite : IAsyncLifetime
{
    private static readonly TimeSpan ReadyTime = TimeSpan.FromMinutes(1);
    private readonly TempFolder _folder = new();
    private readonly Forwarding _forwarding = new();
    private MachineState? _before;
    private Gateway? _gateway;
    private Registry? _registry;
    private DockerEngine? _engine;

    /// <summary>The handlers that every test of the main job runs on; <c>BERTH_TEST_HANDLERS</c> makes them fewer.</summary>
    public static TheoryData<string> Handlers => [.. HandlerNames];

    /// <summary>The same, to be combined with something else.</summary>
    public static string[] HandlerNames { get; } =
        Environment.GetEnvironmentVariable("BERTH_TEST_HANDLERS") is { Length: > 0 } few ? few.Split(',') : ["runc", "crun", "shim-v2", "rkt", "docker"];

    /// <summary>The same, and runc by a plugin in a process of its own, unless handlers were chosen.</summary>
    public static TheoryData<string> HandlersAndApart => [.. HandlerNames, .. AreChosen ? [] : (string[])[Gateway.Apart]];

    /// <summary>Whether nobody chose handlers without this one.</summary>
    public static bool Wants(string handler) => !AreChosen || HandlerNames.Contains(handler);

    private static bool AreChosen => Environment.GetEnvironmentVariable("BERTH_TEST_HANDLERS") is { Length: > 0 };

    /// <summary>Those of them whose runtime gets config.json as the gateway writes it.</summary>
    public static TheoryData<string> OciHandlers => ["runc", "crun", "shim-v2"];

    /// <summary>The runtimes that the plugin <c>oci</c> runs itself, where the clause is about what they do.</summary>
    public static TheoryData<string> OciRuntimes => ["runc", "crun"];

    public Gateway Gateway => _gateway!;

    public CriClient Client => Gateway.Client;

    /// <summary>A registry without credentials.</summary>
    public Registry Registry => _registry!;

    /// <summary>The Engine behind the handler <c>docker</c> of every gateway; null where its packages are missing.</summary>
    public DockerEngine? Engine => _engine;

    /// <summary>The sample image as an OCI layout.</summary>
    public string Sample => _folder["sample"];

    /// <summary>The folder from which checkpoints are restored.</summary>
    public string Checkpoints => _folder.Folder("checkpoints");

    /// <summary>The layer with busybox that the tests' images begin with.</summary>
    public TestLayer Base { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _before = await MachineState.ReadAsync();
        // The images are packed while the servers start.
        var sample = Task.Run(() => SampleImage.WriteAsync(Sample, Busybox.Path, CancellationToken.None));
        var layer = Task.Run(TestLayer.BusyboxAsync);
        var registry = Registry.StartAsync();
        _engine = DockerEngine.IsInstalled ? await DockerEngine.StartAsync() : null;
        _gateway = await Gateway.StartAsync(Settings(AreChosen ? null : Gateway.AddApart));
        (_registry, Base) = (await registry, await layer);
        await sample;
        await Client.Admin.ImportImageAsync(new() { Path = Sample });
    }

    /// <summary>Runs a pod on a handler of the shared gateway; the test is skipped where that handler is not ready.</summary>
    public async Task<TestPod> PodAsync(string handler = "runc", Action<PodSandboxConfig>? change = null)
    {
        await RequireAsync(handler);
        return await TestPod.RunAsync(Client, Gateway.Logs, handler, change);
    }

    public async Task RequireAsync(string handler)
    {
        // What was chosen must be there, late perhaps: a plugin that was too slow for a limit of the gateway's is tried again.
        var (ready, reason) = AreChosen && HandlerNames.Contains(handler) ? await Wait.ForAsync(() => Gateway.HandlerAsync(handler), static h => h.Ready, ReadyTime) : await Gateway.HandlerAsync(handler);
        Assert.SkipUnless(ready, $"{handler}: {reason}");
    }

    /// <summary>Skips the test where the handler declares that it lacks an ability, by its name in `berth handlers`.</summary>
    public async Task RequireAsync(string handler, string ability)
    {
        await RequireAsync(handler);
        Assert.SkipUnless((await Gateway.AbilitiesAsync(handler)).Contains(ability), $"{handler} declares no {ability}");
    }

    /// <summary>The first process of a container, as the node has it.</summary>
    public async Task<int> PidAsync(string id) =>
        (await Client.Admin.ListPodsAsync(new())).Pods.SelectMany(static p => p.Containers).Single(c => c.Id == id).Pid;

    /// <summary>Starts a gateway for one test.</summary>
    public Task<Gateway> OwnGatewayAsync(Action<JsonObject>? configure = null) => Gateway.StartAsync(Settings(configure), Sample);

    private Action<JsonObject> Settings(Action<JsonObject>? configure) => settings =>
    {
        settings["checkpoints"] = new JsonObject { ["restoreFrom"] = new JsonArray(Checkpoints), ["restoreImages"] = true };
        // Never the machine's own Engine.
        settings["handlers"] = Docker(_engine?.Endpoint ?? "unix:///run/berth-tests-have-no-engine");
        configure?.Invoke(settings);
    };

    /// <summary>What plugins.json says of a handler <c>docker</c> on an Engine.</summary>
    public static JsonObject Docker(string endpoint) => new()
    {
        ["docker"] = new JsonObject { ["plugin"] = "docker", ["options"] = new JsonObject { ["endpoint"] = endpoint } },
    };

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (_gateway is not null)
            {
                await _gateway.DisposeAsync();
            }

            if (_engine is not null)
            {
                await _engine.DisposeAsync();
            }

            if (_registry is not null)
            {
                await _registry.DisposeAsync();
            }
        }
        finally
        {
            _folder.Dispose();
            await NatChains.RemoveUnusedAsync(CancellationToken.None);
        }

        var left = await _before!.WhatIsNewAsync();
        _forwarding.Dispose();
        Assert.True(left.Count == 0, "the suite left on this machine:\n" + string.Join('\n', left));
    }
}
