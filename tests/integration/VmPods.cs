using System.Text.Json.Nodes;
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
            _pods[handler] = pod = TestPod.RunAsync(Client, Gateway.Logs, handler);
        }

        return await pod;
    }

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

    /// <summary>Hypervisors and file servers of this gateway's pods.</summary>
    public IReadOnlyList<string> Machines() =>
    [
        .. Directory.GetDirectories("/proc").Where(static p => char.IsAsciiDigit(Path.GetFileName(p)[0])).Select(CommandLine)
            .Where(line => (line.Contains("qemu", StringComparison.Ordinal) || line.Contains("virtiofsd", StringComparison.Ordinal))
                && (line.Contains(Gateway.State, StringComparison.Ordinal) || _pods.Values.Any(p => p.IsCompletedSuccessfully && line.Contains(p.Result.Id[..13], StringComparison.Ordinal)))),
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
