using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>The processes that hold a pod of the shim-v2 handler are killed, one by one.</summary>
public sealed class ShimTests(Suite suite)
{
    private const string Handler = "shim-v2";
    private const int SigKill = 9;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Logger_Killed_IsReplacedAndNoLineIsLostOrDoubled()
    {
        await using var pod = await suite.PodAsync(Handler);
        await pod.StartAsync(Requests.Script("count", "trap 'exit 0' TERM; i=0; while :; do echo $i; i=$((i+1)); sleep 0.05 & wait; done"));
        for (var round = 0; round < 2; round++)
        {
            var written = pod.Log("count.log").Count;
            await Wait.ForAsync(() => pod.Log("count.log").Count > written + 3, Limit);
            Kill(await ProcessAsync("berth-logger"));
        }

        var seen = pod.Log("count.log").Count;
        await Wait.ForAsync(() => pod.Log("count.log").Count > seen + 3, Limit);
        var numbers = pod.Log("count.log").Select(static l => int.Parse(l.Text)).ToList();
        Assert.Equal(Enumerable.Range(0, numbers.Count), numbers);
    }

    [Fact]
    public async Task Shim_Killed_EndsItsContainersAndThePod()
    {
        await using var pod = await suite.PodAsync(Handler);
        var container = await pod.StartAsync(Requests.Idle());
        Kill(await ProcessAsync("containerd-shim-runc-v2"));
        var status = await pod.ExitedAsync(container);
        Assert.Equal(255, status.ExitCode);
        Assert.Contains("shim", status.Message);
        await Wait.ForAsync(async () => (await pod.StatusAsync()).State, static s => s == PodSandboxState.SandboxNotready, Limit);
    }

    // Of this gateway's handlers only one has such processes, and tests run one after the other, so there is one pod.
    private async Task<int> ProcessAsync(string program)
    {
        var found = new List<int>();
        await Wait.ForAsync(() => (found = Find(program, suite.Gateway.State)).Count == 1, Limit);
        return found[0];
    }

    private static List<int> Find(string program, string folder) =>
    [
        .. Directory.GetDirectories("/proc").Select(static p => Path.GetFileName(p)).Where(static n => char.IsAsciiDigit(n[0])).Select(int.Parse)
            .Where(pid => CommandLine(pid) is { } line && line.Contains(program, StringComparison.Ordinal) && line.Contains(folder, StringComparison.Ordinal)),
    ];

    private static string? CommandLine(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline");
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static void Kill(int pid)
    {
        using var process = PidFd.TryOpen(pid);
        process!.Signal(SigKill);
    }
}
