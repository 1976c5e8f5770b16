using Berth.Cri.Protos;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration.BadInput;

/// <summary>What wrong calls are made at: objects in each state, and beginnings of ids that more than one object has.</summary>
public sealed class BadInputScene(Suite suite) : IAsyncLifetime
{
    private readonly List<TestPod> _pods = [];

    public const string Unknown = "00000000000000000000000000000000000000000000000000000000deadbeef";

    public Suite Suite => suite;

    public TestPod Pod => _pods[0];

    public TestPod Stopped => _pods[1];

    public string Running { get; private set; } = "";

    public string Created { get; private set; } = "";

    public string Exited { get; private set; } = "";

    /// <summary>The first digit of two pods' ids.</summary>
    public string PodPrefix { get; private set; } = "";

    /// <summary>The first digit of two containers' ids.</summary>
    public string ContainerPrefix { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        _pods.Add(await suite.PodAsync());
        _pods.Add(await suite.PodAsync(change: OnTheNode));
        Running = await Pod.StartAsync(Requests.Idle("running"));
        Exited = await Pod.StartAsync(Requests.Script("exited", "exit 3"));
        Created = await Pod.CreateAsync(Requests.Idle("created"));
        await Pod.ExitedAsync(Exited);
        await suite.Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = Stopped.Id });

        // Ids are random: the 17th at last begins as another.
        PodPrefix = await ShareDigitAsync([.. _pods.Select(static p => p.Id)], async () =>
        {
            _pods.Add(await suite.PodAsync(change: OnTheNode));
            return _pods[^1].Id;
        });
        var made = 0;
        ContainerPrefix = await ShareDigitAsync([Running, Created, Exited], () => Pod.CreateAsync(Requests.Idle($"more-{made++}")));
    }

    /// <summary>The request that a pod's container is created with.</summary>
    public CreateContainerRequest Create(Action<ContainerConfig>? change = null)
    {
        var config = Requests.Idle("wrong");
        change?.Invoke(config);
        return new() { PodSandboxId = Pod.Id, Config = config, SandboxConfig = Pod.Config };
    }

    /// <summary>The request that a pod is run with.</summary>
    public static RunPodSandboxRequest Run(Action<PodSandboxConfig>? change = null)
    {
        var config = Requests.Pod("wrong");
        change?.Invoke(config);
        return new() { Config = config };
    }

    /// <summary>The request for a pod that is there already, changed.</summary>
    public static RunPodSandboxRequest Again(PodSandboxConfig config, Action<PodSandboxConfig> change, string handler = "runc")
    {
        var again = config.Clone();
        change(again);
        return new() { Config = again, RuntimeHandler = handler };
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var pod in _pods)
        {
            await pod.DisposeAsync();
        }
    }

    private static async Task<string> ShareDigitAsync(IReadOnlyList<string> ids, Func<Task<string>> makeAsync)
    {
        var digits = new HashSet<char>();
        var twice = ids.Select(static id => id[0]).FirstOrDefault(d => !digits.Add(d));
        while (twice == default)
        {
            var digit = (await makeAsync())[0];
            twice = digits.Add(digit) ? default : digit;
        }

        return twice.ToString();
    }

    private static void OnTheNode(PodSandboxConfig config) => config.Linux.SecurityContext.NamespaceOptions.Network = NamespaceMode.Node;
}
