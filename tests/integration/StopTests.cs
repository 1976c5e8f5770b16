using Berth.Cri.Protos;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>StopContainer and RemoveContainer.</summary>
public sealed class StopTests(Suite suite)
{
    [Theory, MemberData(nameof(Suite.HandlersAndApart), MemberType = typeof(Suite))]
    public async Task Stop_HeedsTerm_EndsByItself(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Requests.Script("heeds", "trap 'exit 0' TERM; echo ready; while :; do sleep 3600 & wait; done"));
        await Wait.ForAsync(() => pod.Log("heeds.log").Count == 1, TimeSpan.FromSeconds(10));
        await suite.Client.Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 20 });
        var status = await pod.StatusAsync(id);
        Assert.Equal((ContainerState.ContainerExited, 0, "Completed"), (status.State, status.ExitCode, status.Reason));
    }

    [Theory, MemberData(nameof(Suite.HandlersAndApart), MemberType = typeof(Suite))]
    public async Task Stop_IgnoresTerm_IsKilledAfterTheGrace(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Requests.Script("deaf", "trap '' TERM; echo deaf; while :; do sleep 1; done"));
        await Wait.ForAsync(() => pod.Log("deaf.log").Count == 1, TimeSpan.FromSeconds(10));
        await suite.Client.Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 1 });
        var status = await pod.StatusAsync(id);
        Assert.Equal((ContainerState.ContainerExited, 137), (status.State, status.ExitCode));
    }

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task Stop_SignalOfTheRequest_IsSent(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var container = Requests.Script("signal", "trap 'exit 7' USR1; echo ready; while :; do sleep 3600 & wait; done");
        container.StopSignal = Signal.Sigusr1;
        var id = await pod.StartAsync(container);
        await Wait.ForAsync(() => pod.Log("signal.log").Count == 1, TimeSpan.FromSeconds(10));
        await suite.Client.Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 20 });
        var status = await pod.StatusAsync(id);
        Assert.Equal(7, status.ExitCode);
        Assert.Equal(Signal.Sigusr1, status.StopSignal);
    }

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task Stop_SignalOfTheImage_IsSent(string handler)
    {
        var image = new TestImage([suite.Base], new() { ["StopSignal"] = "SIGUSR2", ["Env"] = new System.Text.Json.Nodes.JsonArray("PATH=/bin") });
        var reference = await suite.Registry.PushAsync("stop", "signal", image);
        await suite.Client.Images.PullImageAsync(new() { Image = new() { Image = reference } });
        await using var pod = await suite.PodAsync(handler);
        var container = Requests.Script("signal", "trap 'exit 8' USR2; echo ready; while :; do sleep 3600 & wait; done");
        container.Image.Image = reference;
        var id = await pod.StartAsync(container);
        await Wait.ForAsync(() => pod.Log("signal.log").Count == 1, TimeSpan.FromSeconds(10));
        await suite.Client.Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 20 });
        Assert.Equal(8, (await pod.StatusAsync(id)).ExitCode);
    }

    [Fact]
    public async Task Stop_AndRemove_MayBeRepeated()
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.StartAsync(Requests.Idle());
        await suite.Client.Runtime.StopContainerAsync(new() { ContainerId = id });
        await suite.Client.Runtime.StopContainerAsync(new() { ContainerId = id });
        await suite.Client.Runtime.RemoveContainerAsync(new() { ContainerId = id });
        await suite.Client.Runtime.RemoveContainerAsync(new() { ContainerId = id });
        await suite.Client.Runtime.StopContainerAsync(new() { ContainerId = id });
        Assert.Empty((await suite.Client.Runtime.ListContainersAsync(new() { Filter = new() { Id = id } })).Containers);
    }

    [Fact]
    public async Task Remove_Running_StopsFirst()
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.StartAsync(Requests.Container("busy", "sleep", "3600"));
        await suite.Client.Runtime.RemoveContainerAsync(new() { ContainerId = id });
        Assert.Empty((await suite.Client.Runtime.ListContainersAsync(new() { Filter = new() { PodSandboxId = pod.Id } })).Containers);
    }

    [Fact]
    public async Task Remove_NeverStarted_LeavesNothing()
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.CreateAsync(Requests.Idle());
        Assert.Equal(ContainerState.ContainerCreated, (await pod.StatusAsync(id)).State);
        await suite.Client.Runtime.RemoveContainerAsync(new() { ContainerId = id });
        Assert.False(Directory.Exists(Path.Combine(suite.Gateway.State, "containers", id)));
    }

    [Fact]
    public async Task Stop_Children_EndToo()
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.StartAsync(Requests.Script("parent", "sleep 4712 & trap 'exit 0' TERM; wait"));
        await suite.Client.Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 5 });
        Assert.DoesNotContain(Directory.GetDirectories("/proc"), static p => ReadCommand(p) == "sleep\04712\0");
    }

    private static string ReadCommand(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (IOException)
        {
            return "";
        }
    }

    [Fact]
    public async Task Remove_InTheOrderOfCreation_LeavesNoParentCgroup()
    {
        var parent = TestCgroups.Root($"berth-tests-{Guid.NewGuid():N}");
        void Place(PodSandboxConfig pod) => pod.Linux.CgroupParent = TestCgroups.Pod(parent, "pod" + pod.Metadata.Uid);
        var first = await suite.PodAsync(change: Place);
        await using (await suite.PodAsync(change: Place))
        {
            await first.DisposeAsync();
            Assert.NotEmpty(Directory.GetDirectories("/sys/fs/cgroup", parent[1..], new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1 }));
        }

        Assert.Empty(Directory.GetDirectories("/sys/fs/cgroup", parent[1..], new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1 }));
    }
}
