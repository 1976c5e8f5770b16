using System.Text.Json.Nodes;
using Berth.Cri.Protos;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>
/// A gateway with one pod, and so one machine that boots, on each handler that makes virtual machines. At the end nothing of
/// them may be left.
/// </summary>
public sealed class VmPods(Suite suite) : IAsyncLifetime
{
    private readonly Dictionary<string, Task<TestPod>> _pods = [];
    private Gateway? _gateway;

    public Gateway Gateway => _gateway!;

    public CriClient Client => Gateway.Client;

    // The processor is not tried: each gateway would try it again.
    public async ValueTask InitializeAsync() => _gateway = await suite.OwnGatewayAsync(static settings => settings["handlers"] = new JsonObject
    {
        ["clear-containers"] = Handler("clear-containers"),
        ["runv"] = Handler("runv"),
    });

    /// <summary>The handler's pod, started for the first who asks; the test is skipped where the handler is not ready.</summary>
    public async Task<TestPod> TakeAsync(string handler)
    {
        var (ready, reason) = await Gateway.HandlerAsync(handler);
        Assert.SkipUnless(ready, $"{handler}: {reason}");
        if (!_pods.TryGetValue(handler, out var pod))
        {
            _pods[handler] = pod = NewAsync(handler);
        }

        return await pod;
    }

    /// <summary>The same, for a test that ends it: who asks next gets another.</summary>
    public async Task<TestPod> TakeAwayAsync(string handler)
    {
        var pod = await TakeAsync(handler);
        _pods.Remove(handler);
        return pod;
    }

    /// <summary>Another pod, of the size that <see cref="SizeOf"/> tells; the caller's.</summary>
    public Task<TestPod> NewAsync(string handler) => TestPod.RunAsync(Client, Gateway.Logs, handler, config => config.Linux.Resources = SizeOf(handler));

    /// <summary>What the kubelet says of the pod's size; null for nothing.</summary>
    public static LinuxContainerResources? SizeOf(string handler) =>
        handler == "clear-containers" ? new() { MemoryLimitInBytes = 200 << 20, CpuQuota = 150_000, CpuPeriod = 100_000 } : null;

    public async ValueTask DisposeAsync()
    {
        if (_gateway is null)
        {
            return;
        }

        foreach (var pod in _pods.Values)
        {
            await (await pod).DisposeAsync();
        }

        var left = Machines();
        await _gateway.DisposeAsync();
        Assert.Empty(left);
    }

    /// <summary>Hypervisors and file servers of this gateway's pods: process ids.</summary>
    public IReadOnlyList<int> Machines() => Find([Gateway.State, .. _pods.Values.Where(static p => p.IsCompletedSuccessfully).Select(static p => p.Result.Id[..13])]);

    /// <summary>Those of one pod: its hypervisor has the pod's id for a name, its file server's folder half of it.</summary>
    public static IReadOnlyList<int> Machines(TestPod pod) => Find($"/v/{pod.Id[..32]}/", $"berth-{pod.Id[..13]}");

    private static IReadOnlyList<int> Find(params string[] named) =>
    [
        .. Directory.GetDirectories("/proc").Where(static p => char.IsAsciiDigit(Path.GetFileName(p)[0]))
            .Where(p => CommandLine(p) is var line && (line.Contains("qemu", StringComparison.Ordinal) || line.Contains("virtiofsd", StringComparison.Ordinal))
                && named.Any(n => line.Contains(n, StringComparison.Ordinal)))
            .Select(static p => int.Parse(Path.GetFileName(p))),
    ];

    private static JsonObject Handler(string plugin) => new()
    {
        ["plugin"] = plugin,
        ["options"] = new JsonObject { ["acceleration"] = "tcg", ["defaultMemoryMiB"] = 256 },
    };

    private static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline")).Replace('\0', ' ');
        }
        catch (IOException)
        {
            return "";
        }
    }
}
