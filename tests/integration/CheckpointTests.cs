using System.Formats.Tar;
using System.Text.Json.Nodes;
using Berth.Cri.Protos;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>
/// Containers that are written down while they run, and go on elsewhere. It takes a CRIU that this kernel's age allows: tests/node has
/// one; where there is none, the refusal is what is tested.
/// </summary>
public sealed class CheckpointTests(Suite suite)
{
    private const string Counter = "rm /etc/group; echo kept > /kept; i=0; while :; do i=$((i+1)); echo $i; sleep 0.2; done";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Checkpoint_WhereItCannotBe_IsRefusedWithWhatIsMissing()
    {
        await suite.RequireAsync("runc");
        await CriuTriedAsync(suite.Gateway);
        Assert.SkipWhen((await suite.Gateway.AbilitiesAsync("runc")).Contains("checkpoint"), "checkpoints work here");
        await using var pod = await suite.PodAsync();
        var id = await pod.StartAsync(Requests.Idle());
        var location = Path.Combine(suite.Checkpoints, $"{Guid.NewGuid():N}.tar");
        var refusals = new[]
        {
            await Refused(async () => await suite.Client.Runtime.CheckpointContainerAsync(new() { ContainerId = id, Location = location })),
            await Refused(async () => await suite.Client.Runtime.CheckpointPodAsync(new() { PodSandboxId = pod.Id, OutputPath = location })),
            await Refused(() => pod.CreateAsync(From(location))),
        };
        Assert.All(refusals, static r => Assert.Equal(StatusCode.FailedPrecondition, r.StatusCode));
        Assert.All(refusals, static r => Assert.Contains("criu", r.Detail, StringComparison.OrdinalIgnoreCase));
        Assert.False(Path.Exists(location));

        var findings = (await suite.Client.Admin.DoctorAsync(new())).Findings;
        Assert.Contains(findings, static f => f.Subject == "handler runc" && f.Message.Contains("no checkpoints", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Checkpoint_OfAHandlerThatHasNone_IsRefused()
    {
        await using var pod = await suite.PodAsync("rkt");
        var id = await pod.StartAsync(Requests.Idle());
        var refusal = await Refused(async () => await suite.Client.Runtime.CheckpointContainerAsync(new() { ContainerId = id, Location = Path.Combine(suite.Checkpoints, "none.tar") }));
        Assert.Equal(StatusCode.Unimplemented, refusal.StatusCode);
        Assert.Contains("rkt", refusal.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Checkpoint_OfACounter_LeavesItRunning_AndGoesOnInAnotherPod()
    {
        await RequireCheckpointsAsync();
        await using var first = await suite.PodAsync();
        var id = await first.StartAsync(Requests.Script("counter", Counter));
        await CountedAsync(first, "counter.log", 3);
        var location = Path.Combine(suite.Checkpoints, "counter.tar");
        await suite.Client.Runtime.CheckpointContainerAsync(new() { ContainerId = id, Location = location, Timeout = 600 });

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(location));
        var names = EntriesOf(location);
        Assert.Equal(
            [],
            new[] { "config.dump", "spec.dump", "status.dump", "bind.mounts", "dump.log", "stats-dump", "rootfs-diff.tar", "deleted.files", "container.log", "checkpoint/inventory.img", "checkpoint/pages-1.img" }.Except(names));
        var atLeast = first.Log("counter.log").Count;
        await CountedAsync(first, "counter.log", atLeast + 3);
        var again = await Refused(async () => await suite.Client.Runtime.CheckpointContainerAsync(new() { ContainerId = id, Location = location }));
        Assert.Equal(StatusCode.AlreadyExists, again.StatusCode);
        var late = await Refused(async () => await suite.Client.Runtime.CheckpointContainerAsync(new() { ContainerId = id, Location = Path.Combine(suite.Checkpoints, "late.tar") }, deadline: DateTime.UtcNow.AddMilliseconds(300)));
        Assert.Equal(StatusCode.DeadlineExceeded, late.StatusCode);

        await using var second = await suite.PodAsync(change: static p => p.Hostname = "elsewhere");
        var limited = From(location);
        limited.Linux.Resources.MemoryLimitInBytes = 64 << 20;
        var restored = await second.CreateAsync(limited);
        Assert.Equal(ContainerState.ContainerCreated, (await second.StatusAsync(restored)).State);
        await suite.Client.Runtime.StartContainerAsync(new() { ContainerId = restored });
        await CountedAsync(second, "restored.log", 3);
        var numbers = second.Log("restored.log").Select(static l => int.Parse(l.Text)).ToList();
        Assert.True(numbers[0] > 2, $"it began anew, with {numbers[0]}");
        Assert.Equal(Enumerable.Range(numbers[0], numbers.Count), numbers);
        Assert.Equal((0, "kept\n", ""), await second.ExecAsync(restored, "sh", "-c", "cat /kept; test ! -e /etc/group"));

        // The same as an image, as tools make one of an archive: its layer.
        var name = await ImportAsync(location);
        var third = Requests.Container("image");
        third.Image.Image = name;
        await second.StartAsync(third);
        await CountedAsync(second, "image.log", 2);
        Assert.Equal(numbers[0], int.Parse(second.Log("image.log")[0].Text));

        // Its place is the new pod's: cgroup and network.
        var pid = await suite.PidAsync(restored);
        Assert.Contains(restored, CgroupFile.PathOf(pid, "memory"), StringComparison.Ordinal);
        Assert.Equal(64 << 20, CgroupFile.MemoryLimit(pid));
        Assert.Equal((await second.StatusAsync()).Network.Ip, (await second.ExecAsync(restored, "sh", "-c", "ip -4 -o addr show eth0 | awk '{print $4}' | cut -d/ -f1")).Output.Trim());

        Assert.Equal("elsewhere\n", (await second.ExecAsync(restored, "hostname")).Output);

        await suite.Client.Runtime.StopContainerAsync(new() { ContainerId = restored, Timeout = 0 });
        Assert.Equal(137, (await second.StatusAsync(restored)).ExitCode);
        Assert.Equal(ContainerState.ContainerRunning, (await first.StatusAsync(id)).State);
        await suite.Client.Runtime.RemoveContainerAsync(new() { ContainerId = restored });
        await Wait.ForAsync(() => !Leftovers(suite.Gateway).Any(), Limit);
        Assert.False(File.Exists(Path.Combine(suite.Checkpoints, "late.tar")));
        File.Delete(location);
    }

    [Fact]
    public async Task Checkpoint_OfAPod_IsRestoredWithBothContainers()
    {
        await RequireCheckpointsAsync();
        var path = Path.Combine(suite.Checkpoints, "pod");
        string[] names = ["one", "two"];
        await using (var first = await suite.PodAsync())
        {
            foreach (var name in names)
            {
                await first.StartAsync(Requests.Script(name, Counter));
            }

            await Task.WhenAll(names.Select(n => CountedAsync(first, $"{n}.log", 3)));
            await suite.Client.Runtime.CheckpointPodAsync(new() { PodSandboxId = first.Id, OutputPath = path });
            Assert.Equal(4, Directory.GetFiles(path).Length);
            Assert.Equal(StatusCode.AlreadyExists, (await Refused(async () => await suite.Client.Runtime.CheckpointPodAsync(new() { PodSandboxId = first.Id, OutputPath = path }))).StatusCode);
        }

        var pod = Requests.Pod("again");
        pod.LogDirectory = Directory.CreateDirectory(Path.Combine(suite.Gateway.Logs, pod.Metadata.Uid)).FullName;
        var request = new RestorePodRequest { CheckpointPath = path, Config = pod, RuntimeHandler = "runc", ContainerConfigs = { names.Select(static n => Requests.Script(n, "exit 1")) } };
        var answer = await suite.Client.Runtime.RestorePodAsync(request);
        try
        {
            Assert.Equal(names, answer.RestoredContainers.Select(static c => c.Name));
            Assert.Equal(answer, await suite.Client.Runtime.RestorePodAsync(request));
            foreach (var name in names)
            {
                IReadOnlyList<LogLine> Log() => LogLine.Read(Path.Combine(pod.LogDirectory, $"{name}.log"));
                await Wait.ForAsync(() => Log().Count >= 3, Limit);
                Assert.True(int.Parse(Log()[0].Text) > 2);
            }
        }
        finally
        {
            await suite.Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = answer.PodSandboxId });
            await suite.Client.Runtime.RemovePodSandboxAsync(new() { PodSandboxId = answer.PodSandboxId });
            Directory.Delete(path, recursive: true);
        }
    }

    [Fact]
    public async Task Checkpoint_CutOffByAKill_LeavesTheContainerRunningAndNothingElse()
    {
        await RequireCheckpointsAsync();
        await using var gateway = await suite.OwnGatewayAsync();
        await CriuTriedAsync(gateway);
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, "runc");
        var id = await pod.StartAsync(Requests.Script("counter", Counter));
        await CountedAsync(pod, "counter.log", 3);
        var location = Path.Combine(suite.Checkpoints, "killed.tar");
        var call = gateway.Client.Runtime.CheckpointContainerAsync(new() { ContainerId = id, Location = location }).ResponseAsync;
        await Wait.ForAsync(() => Leftovers(gateway).Any(), Limit);
        await gateway.KillAsync();
        await Assert.ThrowsAsync<RpcException>(() => call);
        await gateway.StartAgainAsync();

        var counted = pod.Log("counter.log").Count;
        await CountedAsync(pod, "counter.log", counted + 3);
        Assert.Equal(ContainerState.ContainerRunning, (await pod.StatusAsync(id)).State);
        Assert.Empty(Leftovers(gateway));
        Assert.False(File.Exists(location));
    }

    private async Task<string> ImportAsync(string archive)
    {
        using var folder = new TempFolder();
        var name = $"tests.example/checkpoint-{Guid.NewGuid():N}:1";
        var annotations = new JsonObject { ["io.kubernetes.cri-o.annotations.checkpoint.name"] = "counter" };
        new TestImage([TestLayer.FromTar(await File.ReadAllBytesAsync(archive))], new JsonObject(), annotations: annotations).WriteLayout(folder.Path, name);
        await suite.Client.Admin.ImportImageAsync(new() { Path = folder.Path });
        return name;
    }

    // CRIU is asked beside the start of the gateway.
    private async Task RequireCheckpointsAsync()
    {
        await suite.RequireAsync("runc");
        await CriuTriedAsync(suite.Gateway);
        var why = (await suite.Client.Admin.DoctorAsync(new())).Findings.FirstOrDefault(static f => f.Subject == "handler runc" && f.Message.Contains("no checkpoints", StringComparison.Ordinal));
        Assert.SkipUnless(why is null, $"runc: {why?.Message}");
        await suite.RequireAsync("runc", "checkpoint");
    }

    private static async Task CriuTriedAsync(Gateway gateway) => _ = await Wait.ForAsync(
        async () => (await gateway.Client.Admin.DoctorAsync(new())).Findings,
        static all => !all.Any(static f => f.Message.Contains("CRIU is being tried", StringComparison.Ordinal)),
        TimeSpan.FromSeconds(60));

    private static ContainerConfig From(string location)
    {
        var container = Requests.Container("restored");
        container.Image.Image = location;
        return container;
    }

    private static IEnumerable<string> Leftovers(Gateway gateway) =>
        new[] { "dumps", "restores" }.Select(f => Path.Combine(gateway.Root, "checkpoints", f)).Where(Directory.Exists).SelectMany(Directory.EnumerateFileSystemEntries);

    private static Task CountedAsync(TestPod pod, string log, int lines) => Wait.ForAsync(() => pod.Log(log).Count >= lines, Limit);

    private static async Task<Status> Refused(Func<Task> call) => (await Assert.ThrowsAsync<RpcException>(call)).Status;

    private static List<string> EntriesOf(string archive)
    {
        using var file = File.OpenRead(archive);
        using var tar = new TarReader(file);
        var names = new List<string>();
        while (tar.GetNextEntry() is { } entry)
        {
            names.Add(entry.Name);
        }

        return names;
    }
}
