using Berth.Linux;

namespace Berth.Tests.Contract;

/// <summary>What the containers of a pod share, and the end of what holds the pod.</summary>
public sealed class SandboxContract
{
    private const int SigKill = 9;

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Containers_OfAPod_ShareLocalhost(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        await turn.Pod.RunAsync("while :; do nc -l -p 8080 -e echo served; done");
        var client = await turn.Pod.PlanAsync("until nc 127.0.0.1 8080 < /dev/null | { read answer && echo got $answer; }; do sleep 0.05; done");
        await turn.Pod.RunAsync(client);
        await Waiting.LogAsync(client, "got served");
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Containers_OfAPodWithSharedPids_SeeEachOther(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised, Lacks.SharedPidNamespace);
        var pod = await host.StartPodAsync(sharedPid: true);
        var first = await pod.RunAsync("sleep 1000");
        var second = await pod.RunAsync("sleep 1001 & until [ -e /go ]; do sleep 0.02; done; exit 4");
        string[] shared = host.UnderTest.HasUtsNamespaces ? ["net", "ipc", "pid"] : ["net", "ipc", "uts", "pid"];
        foreach (var type in shared)
        {
            var link = (await pod.ExecAsync(first, "readlink", $"/proc/self/ns/{type}")).Output;
            Assert.Contains(type, link);
            Assert.Equal(link, (await pod.ExecAsync(first, "readlink", "/proc/1/ns/" + type)).Output);
        }

        var seen = (await pod.ExecAsync(first, "/bin/sh", "-c", "cat /proc/[0-9]*/cmdline")).Output;
        Assert.Contains("sleep\01000", seen);
        Assert.Contains("sleep\01001", seen);

        Assert.Equal(0, (await pod.ExecAsync(second, "touch", "/go")).Code);

        // The init does not take a PID namespace along, so the rest is the handler's to end.
        Assert.Equal(4, (await second.Init.Exit.Soon()).Code);
        Assert.DoesNotContain("sleep\01001", (await pod.ExecAsync(first, "/bin/sh", "-c", "cat /proc/[0-9]*/cmdline")).Output);
        Assert.False(first.Init.Exit.IsCompleted);
        Assert.False(pod.Sandbox.Exit.IsCompleted);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Sandbox_WhoseHolderIsKilled_Ends(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync(host.Features.SharedPidNamespace);
        var holder = (await pod.Sandbox.InfoAsync(CancellationToken.None)).Pid;
        Assert.SkipWhen(holder == 0, $"{handler} has no process that holds a pod");
        var container = await pod.RunAsync("sleep 1000");
        using (var process = PidFd.TryOpen(holder))
        {
            process!.Signal(SigKill);
        }

        Assert.NotEqual(0, (await pod.Sandbox.Exit.Soon()).Code);
        var exit = await container.Init.Exit.Soon();
        Assert.True(exit.Code == 137 || exit is { Code: 255, LostReason: not null }, $"{exit}");
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task StartSandbox_CalledTwice_IsTheSameSandbox(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var container = await turn.Pod.RunAsync("sleep 1000");
        await turn.Pod.StartAsync();
        var found = turn.Pod.Sandbox.FindContainer(container.Id)!;
        Assert.Equal(container.Init.Pid, found.Init.Pid);
        Assert.False(found.Init.Exit.IsCompleted);
    }
}
