using System.Globalization;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Tests.Contract;

/// <summary>The plugin in a process of its own, as a gateway runs it: its process may be killed, and may not grow with the pods that it has served.</summary>
public sealed class ApartContract
{
    private const int SigKill = 9, SigTerm = 15;

    private static readonly TimeSpan SettleTime = TimeSpan.FromSeconds(60);

    // As many pods come and go as make a leak of one descriptor or thread by each plain beside what .NET itself opens and ends.
    private const int Pods = 8;

    [Theory(SkipTestWithoutData = true), ClassData(typeof(EveryHandlerInAProcess))]
    public async Task Kill_OfThePluginsProcess_LeavesPodsThatTheNextOneAdopts(string handler)
    {
        await using var host = await ContractHost.OpenApartAsync(handler);
        var pod = await host.StartPodAsync();
        var request = await pod.PlanAsync("trap 'exit 42' TERM; echo ready; while :; do sleep 0.05; done");
        var running = await pod.RunAsync(request);
        await Waiting.LogAsync(request, "ready");
        var created = await pod.CreateAsync(await pod.PlanAsync("exit 12"));
        var (first, init) = (host.Apart!.Pid!.Value, running.Init.Pid);
        using (var process = PidFd.TryOpen(first))
        {
            process!.Signal(SigKill);
        }

        await Waiting.TrueAsync(() => host.Apart.Pid is { } next && next != first);

        // The objects are those that the gateway has had before.
        Assert.Equal((0, "alive\n"), await pod.ExecAsync(running, "echo", "alive"));
        Assert.Equal(init, running.Init.Pid);
        await created.Init.StartAsync(CancellationToken.None);
        Assert.Equal(12, (await created.Init.Exit.Soon()).Code);
        await running.Init.SignalAsync(SigTerm, SignalScope.Process, CancellationToken.None);
        Assert.Equal(42, (await running.Init.Exit.Soon()).Code);
        Assert.Equal(1, host.Apart.Crashes);
    }

    [Theory(SkipTestWithoutData = true), ClassData(typeof(EveryHandlerInAProcess))]
    public async Task PodsThatCameAndWent_LeaveNoDescriptorAndNoThread(string handler)
    {
        await using var host = await ContractHost.OpenApartAsync(handler);
        await UsePodAsync(host);
        await UsePodAsync(host);
        var before = Held(host);
        for (var i = 0; i < Pods; i++)
        {
            await UsePodAsync(host);
        }

        // What is being closed may take its time, and idle threads of .NET do.
        IReadOnlyList<string> Grown() => [.. Held(host).Where(now => now.Value >= before.GetValueOrDefault(now.Key) + Pods).Select(now => $"{before.GetValueOrDefault(now.Key)} became {now.Value}: {now.Key}")];
        using var limit = new CancellationTokenSource(SettleTime);
        while (Grown().Count > 0 && !limit.IsCancellationRequested)
        {
            await Task.Delay(50, CancellationToken.None);
        }

        Assert.Empty(Grown());
    }

    private static async Task UsePodAsync(ContractHost host)
    {
        var pod = await host.StartPodAsync();
        var container = await pod.RunAsync("sleep 1000");
        Assert.Equal((0, "x\n"), await pod.ExecAsync(container, "echo", "x"));
        await container.Init.SignalAsync(SigKill, SignalScope.All, CancellationToken.None);
        Assert.Equal(137, (await container.Init.Exit.Soon()).Code);
        await pod.DestroyContainersAsync();
        await pod.DestroyAsync();
    }

    // How many descriptors of each kind, how many threads of each name, and how many of all.
    private static Dictionary<string, int> Held(ContractHost host)
    {
        var folder = $"/proc/{host.Apart!.Pid!.Value.ToString(CultureInfo.InvariantCulture)}";
        List<string> descriptors = [.. Directory.GetFileSystemEntries(folder + "/fd").Select(static f => $"descriptors of {Kind(new FileInfo(f).LinkTarget)}")];
        List<string> threads = [.. Directory.GetDirectories(folder + "/task").Select(static t => $"threads {Name(t)}")];
        return descriptors.Concat(threads).CountBy(static h => h).Append(new("descriptors", descriptors.Count)).Append(new("threads", threads.Count)).ToDictionary();
    }

    // pipe:[4711] is a pipe, and the path of one pod's file differs from that of another's.
    private static string Kind(string? target) => target is null ? "nothing" : target.Split('[')[0] is var kind && kind.StartsWith('/') ? "files" : kind;

    private static string Name(string thread)
    {
        try
        {
            return File.ReadAllText(thread + "/comm").Trim();
        }
        catch (IOException)
        {
            return "that ended"; // while it was looked at
        }
    }
}
