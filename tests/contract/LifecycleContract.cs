using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Berth.Abstractions;

namespace Berth.Tests.Contract;

/// <summary>A container from create to exit.</summary>
public sealed partial class LifecycleContract
{
    private const int SigKill = 9, SigTerm = 15;

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Exit_OfACommand_HasItsCodeAndTime(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        foreach (var code in (int[])[0, 3])
        {
            var before = TimeProvider.System.GetUtcNow().AddSeconds(-1);
            var exit = await (await pod.RunAsync($"exit {code}")).Init.Exit.Soon();
            Assert.Equal(code, exit.Code);
            Assert.Null(exit.LostReason);
            Assert.False(exit.OutOfMemory);
            Assert.InRange(exit.FinishedAt, before, TimeProvider.System.GetUtcNow().AddSeconds(1));
        }
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Container_BeforeItsStart_DoesNotRunItsCommand(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        var request = pod.Plan("echo ran; sleep 1000");
        var container = await pod.CreateAsync(request);
        Assert.False(container.Init.Exit.IsCompleted);
        Assert.Equal("", await File.ReadAllTextAsync(request.LogPath!));
        await container.Init.StartAsync(CancellationToken.None);
        await Waiting.LogAsync(request, "ran");
        await container.Init.StartAsync(CancellationToken.None);
        Assert.Equal(request.ContainerId, pod.Sandbox.FindContainer(request.ContainerId)!.Id);
        Assert.Null(pod.Sandbox.FindContainer("other"));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Signal_ToTheProcess_IsItsToHandle(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        var request = pod.Plan("trap 'exit 42' TERM; echo ready; while :; do sleep 0.05; done");
        var container = await pod.CreateAsync(request);
        await container.Init.StartAsync(CancellationToken.None);
        await Waiting.LogAsync(request, "ready");
        await container.Init.SignalAsync(SigTerm, SignalScope.Process, CancellationToken.None);
        Assert.Equal(42, (await container.Init.Exit.Soon()).Code);
        await container.Init.SignalAsync(SigTerm, SignalScope.All, CancellationToken.None);
        await Assert.ThrowsAsync<RuntimeException>(() => container.Init.SignalAsync(65, SignalScope.Process, CancellationToken.None));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Kill_OfAll_EndsWith137(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        var container = await pod.RunAsync("sleep 1000 & sleep 1000");
        await container.Init.SignalAsync(SigKill, SignalScope.All, CancellationToken.None);
        Assert.Equal(137, (await container.Init.Exit.Soon()).Code);
        Assert.Empty(await container.PidsAsync(CancellationToken.None));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Log_OfACommand_IsInCriFormat(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        var request = pod.Plan("echo out; echo err >&2; echo -n partial");
        var container = await pod.CreateAsync(request);
        await container.Init.StartAsync(CancellationToken.None);
        await container.Init.Exit.Soon();
        var lines = await File.ReadAllLinesAsync(request.LogPath!);
        Assert.All(lines, static line => Assert.Matches(LogLine(), line));
        Assert.Contains(lines, static l => l.EndsWith(" stdout F out", StringComparison.Ordinal));
        Assert.Contains(lines, static l => l.EndsWith(" stderr F err", StringComparison.Ordinal));
        Assert.Contains(lines, static l => l.EndsWith(" stdout P partial", StringComparison.Ordinal));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Stdin_NotAskedFor_IsEmpty(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        Assert.Equal(5, (await (await pod.RunAsync("cat; exit 5")).Init.Exit.Soon()).Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Stdin_ClosedByTheGateway_EndsTheReader(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        var container = await pod.CreateAsync(pod.Plan("cat; exit 6") with { Stdin = true, StdinOnce = true });
        await container.Init.StartAsync(CancellationToken.None);
        Assert.False(container.Init.Exit.IsCompleted);
        await container.Init.CloseStdinAsync(CancellationToken.None);
        Assert.Equal(6, (await container.Init.Exit.Soon()).Code);
        await container.Init.CloseStdinAsync(CancellationToken.None);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Start_OfAMissingCommand_FailsWithTheReasonAndEnds(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        var container = await pod.CreateAsync(pod.Plan("", arguments: ["/bin/no-such-command"]));
        var failure = await Assert.ThrowsAsync<RuntimeException>(() => container.Init.StartAsync(CancellationToken.None));
        Assert.Equal(RuntimeErrorCode.FailedPrecondition, failure.Code);
        Assert.Contains("no-such-command", failure.Message);
        Assert.NotEqual(0, (await container.Init.Exit.Soon()).Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Create_OfABundleThatIsNoBundle_Fails(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        var request = pod.Plan("true");
        await File.WriteAllTextAsync(Path.Combine(request.BundlePath, "config.json"), "{");
        var failure = await Assert.ThrowsAsync<RuntimeException>(() => pod.CreateAsync(request));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, failure.Code);
        await Assert.ThrowsAsync<RuntimeException>(() => pod.CreateAsync(pod.Plan("true") with { LogPath = Path.Combine(host.Folder, "no", "folder") }));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Containers_OfAPod_ShareItsNamespaces(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised, NeedsSharedPid);
        var pod = await host.StartPodAsync(sharedPid: true);
        var first = await pod.RunAsync("sleep 1000");
        var second = await pod.RunAsync("sleep 1000 & sleep 0.1; exit 4");
        var init = (await pod.Sandbox.InfoAsync(CancellationToken.None)).Pid;
        foreach (var type in (string[])["net", "ipc", "uts", "pid"])
        {
            Assert.Equal(LinkOf(init, type), LinkOf(first.Init.Pid, type));
        }

        // The init does not take a PID namespace along, so the rest is the handler's to end.
        Assert.Equal(4, (await second.Init.Exit.Soon()).Code);
        Assert.Empty(host.Cgroups.Pids(pod.CgroupOf(second.Id)));
        Assert.False(first.Init.Exit.IsCompleted);
        Assert.False(pod.Sandbox.Exit.IsCompleted);

        static string? LinkOf(int pid, string type) => new FileInfo($"/proc/{pid}/ns/{type}").LinkTarget;
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Sandbox_WhoseInitIsKilled_Ends(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised, NeedsSharedPid);
        var pod = await host.StartPodAsync(sharedPid: true);
        var container = await pod.RunAsync("sleep 1000");
        using (var init = Linux.PidFd.TryOpen((await pod.Sandbox.InfoAsync(CancellationToken.None)).Pid))
        {
            init!.Signal(SigKill);
        }

        Assert.Equal(137, (await pod.Sandbox.Exit.Soon()).Code);
        Assert.Equal(137, (await container.Init.Exit.Soon()).Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Update_OfLimits_ShowsInTheCgroup(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised, NeedsUpdate);
        var pod = await host.StartPodAsync();
        var container = await pod.RunAsync("sleep 1000", new() { ["memory"] = new JsonObject { ["limit"] = 64 << 20 } });
        var file = host.Cgroups.Layout.Find("memory") is { IsV2: false } v1
            ? v1.Folder(pod.CgroupOf(container.Id)) + "/memory.limit_in_bytes"
            : host.Cgroups.Layout.Unified!.Folder(pod.CgroupOf(container.Id)) + "/memory.max";
        Assert.Equal(64 << 20, int.Parse(await File.ReadAllTextAsync(file)));
        var resources = JsonSerializer.SerializeToElement(new { memory = new { limit = 96 << 20 } });
        await container.UpdateAsync(resources, CancellationToken.None);
        Assert.Equal(96 << 20, int.Parse(await File.ReadAllTextAsync(file)));
        Assert.Contains(container.Init.Pid, await container.PidsAsync(CancellationToken.None));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Exit_AfterTheKernelKilledForMemory_SaysSo(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        var container = await pod.RunAsync("tail -c 200m /dev/zero", new() { ["memory"] = new JsonObject { ["limit"] = 16 << 20 } });
        var exit = await container.Init.Exit.Soon();
        Assert.True(exit.OutOfMemory);
        Assert.NotEqual(0, exit.Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Log_AfterReopen_GoesOnInTheNewFileWithoutLoss(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        var request = pod.Plan("i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo line $i; sleep 0.002; done");
        var container = await pod.CreateAsync(request);
        await container.Init.StartAsync(CancellationToken.None);
        await Waiting.LogAsync(request, "line 20");
        var rotated = request.LogPath + ".1";
        File.Move(request.LogPath!, rotated);
        await container.ReopenLogAsync(CancellationToken.None);
        Assert.True(File.Exists(request.LogPath));
        // A retry of the same call must not cost what was written since.
        await container.ReopenLogAsync(CancellationToken.None);
        await container.Init.Exit.Soon();
        var lines = (await File.ReadAllLinesAsync(rotated)).Concat(await File.ReadAllLinesAsync(request.LogPath!)).Select(static l => l.Split(' ', 4)[3]);
        Assert.Equal(Enumerable.Range(1, 300).Select(static i => $"line {i}"), lines);
    }

    private static string? NeedsSharedPid(HandlerCheck check) => check.Features.SharedPidNamespace ? null : "it has no shared PID namespace";

    // A runtime without host devices is a sandbox of its own, and gVisor's has no verb for it.
    private static string? NeedsUpdate(HandlerCheck check) => check.Features.Devices ? null : "it has no update of limits";

    [GeneratedRegex(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d) (stdout|stderr) [FP] ")]
    private static partial Regex LogLine();
}
