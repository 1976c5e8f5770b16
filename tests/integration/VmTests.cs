using System.Net.Sockets;
using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>A pod in a virtual machine is a pod. Each handler's tests share one machine, as a boot takes seconds.</summary>
public sealed class VmTests(VmPods pods) : IClassFixture<VmPods>
{
    private const long MiB = 1024 * 1024;
    private const int SigKill = 9, SigStop = 19;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static TheoryData<string> Handlers => ["clear-containers", "runv"];

    [Theory, MemberData(nameof(Handlers))]
    public async Task Pod_HasItsAddressItsFilesAndAKernelOfItsOwn(string handler)
    {
        var pod = await pods.TakeAsync(handler);
        var server = await pod.StartAsync(Requests.Script("server", "echo served > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"));
        var client = Requests.Script("client", "uname -r; until wget -q -O - http://localhost:8080/; do sleep 0.1; done 2>/dev/null; hostname; cat /etc/hosts /etc/resolv.conf; ip addr show eth0");
        var output = await pod.OutputAsync(client);
        var ip = (await pod.StatusAsync()).Network.Ip;
        Assert.NotEqual(File.ReadAllText("/proc/sys/kernel/osrelease").Trim(), output.Split('\n')[0]);
        Assert.All((string[])["\nserved\n", "\npod\n", $"{ip}\tpod", $"inet {ip}/", "nameserver 192.0.2.53"], text => Assert.Contains(text, output, StringComparison.Ordinal));
        // From the node, by the pod's network.
        using var http = new HttpClient { Timeout = Limit };
        Assert.Equal("served\n", await http.GetStringAsync($"http://{ip}:8080/index.html"));
        await pods.Client.Runtime.StopContainerAsync(new() { ContainerId = server, Timeout = 0 });
        Assert.Equal((137, "Error"), ((await pod.StatusAsync(server)).ExitCode, (await pod.StatusAsync(server)).Reason));
    }

    [Theory, MemberData(nameof(Handlers))]
    public async Task Machine_IsOfThePodsSizeInItsNamespaceAndItsCgroup(string handler)
    {
        var pod = await pods.TakeAsync(handler);
        var info = await pod.InfoAsync();
        var machines = VmPods.Machines(pod);
        var hypervisor = info.GetProperty("pid").GetInt32();
        Assert.Contains(hypervisor, machines);
        Assert.True(machines.Count >= (handler == "clear-containers" ? 2 : 1), $"{handler}: {machines.Count} processes");
        var network = FileStatus.Find(pods.Gateway.NetworkNamespace(pod.Id))!.Value.Inode;
        var overhead = info.GetProperty("cgroup").GetProperty("overheadPath").GetString()!;
        Assert.Equal($"net:[{network}]", new FileInfo($"/proc/{hypervisor}/ns/net").LinkTarget);
        Assert.All(machines, pid =>
        {
            // A file server leaves for an empty one of its own.
            Assert.NotEqual(new FileInfo($"/proc/{pods.Gateway.Pid}/ns/net").LinkTarget, new FileInfo($"/proc/{pid}/ns/net").LinkTarget);
            Assert.Contains(File.ReadLines($"/proc/{pid}/cgroup"), line => line.EndsWith(overhead, StringComparison.Ordinal));
        });
        var details = info.GetProperty("handlerDetails");
        Assert.StartsWith("tcg", details.GetProperty("accelerator").GetString(), StringComparison.Ordinal);
        Assert.InRange(int.Parse(details.GetProperty("guestBootMilliseconds").GetString()!), 1, int.Parse(details.GetProperty("bootMilliseconds").GetString()!) + 1000);

        var seen = (await pod.OutputAsync(Requests.Script("size", "awk '/MemTotal/ {print $2}' /proc/meminfo; nproc"))).Split('\n');
        var memory = 128 + (VmPods.SizeOf(handler)?.MemoryLimitInBytes / MiB ?? 256);
        // The kernel keeps a part for itself.
        Assert.InRange(long.Parse(seen[0]) / 1024, memory * 3 / 4, memory);
        Assert.Equal(handler == "clear-containers" ? Math.Min(2, Environment.ProcessorCount) : 1, int.Parse(seen[1]));
    }

    [Theory, MemberData(nameof(Handlers))]
    public async Task Stats_OfAPod_ComeFromItsGuest(string handler)
    {
        var pod = await pods.TakeAsync(handler);
        var id = await pod.StartAsync(Requests.Script("busy", "while :; do :; done"));
        var stats = await Wait.ForAsync(
            async () => (await pods.Client.Runtime.PodSandboxStatsAsync(new() { PodSandboxId = pod.Id })).Stats,
            s => s.Linux.Cpu?.UsageNanoCores?.Value > 0 && s.Linux.Containers.Any(c => c.Attributes.Id == id && c.Cpu is not null),
            Limit);
        Assert.True(stats.Linux.Memory.WorkingSetBytes.Value > 0);
        Assert.True(stats.Linux.Process.ProcessCount.Value >= 1);
        Assert.Equal("eth0", stats.Linux.Network.DefaultInterface.Name);
        await pods.Client.Runtime.RemoveContainerAsync(new() { ContainerId = id });
    }

    [Theory, MemberData(nameof(Handlers))]
    public async Task Pod_ThatNeedsTheHost_IsRefused(string handler)
    {
        var (ready, reason) = await pods.Gateway.HandlerAsync(handler);
        Assert.SkipUnless(ready, $"{handler}: {reason}");
        foreach (var (what, change) in new (string, Action<LinuxSandboxSecurityContext>)[]
        {
            ("host namespaces", static c => c.NamespaceOptions.Network = NamespaceMode.Node),
            ("host namespaces", static c => c.NamespaceOptions.Pid = NamespaceMode.Node),
            ("host namespaces", static c => c.NamespaceOptions.Ipc = NamespaceMode.Node),
            ("a shared PID namespace", static c => c.NamespaceOptions.Pid = NamespaceMode.Pod),
            ("privileged pods", static c => c.Privileged = true),
        })
        {
            var error = await Assert.ThrowsAsync<RpcException>(() => TestPod.RunAsync(pods.Client, pods.Gateway.Logs, handler, c => change(c.Linux.SecurityContext)));
            Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
            Assert.Contains($"asks for {what}, which handler {handler} does not have", error.Status.Detail, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Machines_ThatDieOrHang_TakeTheirPodsAlong()
    {
        // One dies while the gateway looks on, one while it is away, and one only stops to answer.
        await using var seen = await pods.TakeAwayAsync("clear-containers");
        var booting = pods.NewAsync("clear-containers");
        await using var hung = await pods.NewAsync("runv");
        await using var unseen = await booting;
        var containers = new Dictionary<TestPod, string>();
        foreach (var pod in (TestPod[])[seen, unseen, hung])
        {
            containers[pod] = await pod.StartAsync(Requests.Idle("dying"));
        }

        await SignalAsync(await seen.HolderAsync(), SigKill);
        await AssertEndedAsync(seen);
        var (dying, stopping) = (await unseen.HolderAsync(), await hung.HolderAsync());
        await pods.Gateway.KillAsync();
        await SignalAsync(dying, SigKill);
        await SignalAsync(stopping, SigStop);
        await pods.Gateway.StartAgainAsync();
        await AssertEndedAsync(unseen);

        Assert.Equal(PodSandboxState.SandboxReady, (await hung.StatusAsync()).State);
        await pods.Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = hung.Id }, deadline: DateTime.UtcNow + Patience.Of(Limit));
        await AssertEndedAsync(hung);
        // It is the guest's fault, and the log says so.
        Assert.Contains("could not kill its containers (the guest gave no answer", pods.Gateway.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("plugin runv gave no answer", pods.Gateway.Log, StringComparison.Ordinal);

        async Task AssertEndedAsync(TestPod pod)
        {
            await Wait.ForAsync(async () => (await pod.StatusAsync()).State, static s => s == PodSandboxState.SandboxNotready, Limit);
            var status = await pod.ExitedAsync(containers[pod]);
            Assert.True(status.ExitCode is 137 or 255, $"{status}");
            await pod.DisposeAsync();
            Assert.Empty(VmPods.Machines(pod));
        }
    }

    [Theory, MemberData(nameof(Handlers))]
    public async Task Exec_HasItsCodeItsStreamsAndItsTime(string handler)
    {
        var pod = await pods.TakeAsync(handler);
        var id = await pod.StartAsync(Requests.Script("execs", "trap 'exit 0' TERM; echo ready; while :; do sleep 3600 & wait; done"));
        Assert.Equal((3, "out\n", "err\n"), await pod.ExecAsync(id, "sh", "-c", "echo out; echo err >&2; exit 3"));
        var error = await Assert.ThrowsAsync<RpcException>(async () =>
            await pods.Client.Runtime.ExecSyncAsync(new() { ContainerId = id, Cmd = { "sleep", "4713" }, Timeout = 1 }));
        Assert.Equal(StatusCode.DeadlineExceeded, error.StatusCode);
        Assert.DoesNotContain("sleep 4713", (await pod.ExecAsync(id, "ps")).Output, StringComparison.Ordinal);
        await pods.Client.Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 30 });
        Assert.Equal((0, "Completed"), ((await pod.StatusAsync(id)).ExitCode, (await pod.StatusAsync(id)).Reason));
    }

    [Theory, MemberData(nameof(Handlers))]
    public async Task Limits_AreInForceAndChange(string handler)
    {
        var pod = await pods.TakeAsync(handler);
        var container = Requests.Script("limited", "echo $(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max); until [ $(cat /sys/fs/cgroup/memory.max) = 100663296 ]; do sleep 0.1; done; dd if=/dev/zero of=/dev/null bs=120M count=1");
        container.Linux.Resources.MemoryLimitInBytes = 64 * MiB;
        (container.Linux.Resources.CpuQuota, container.Linux.Resources.CpuPeriod) = (50000, 100000);
        var id = await pod.StartAsync(container);
        await Wait.ForAsync(() => pod.Log("limited.log").Count == 1, Limit);
        Assert.Equal("67108864 50000 100000", pod.Log("limited.log")[0].Text);
        Assert.True((await pods.Client.Runtime.ContainerStatsAsync(new() { ContainerId = id })).Stats.Memory.WorkingSetBytes.Value > 0);
        await pods.Client.Runtime.UpdateContainerResourcesAsync(new() { ContainerId = id, Linux = new() { MemoryLimitInBytes = 96 * MiB } });
        var status = await pod.ExitedAsync(id);
        Assert.Equal((137, "OOMKilled"), (status.ExitCode, status.Reason));
    }

    [Fact]
    public async Task Folders_OfClearContainers_AreShared()
    {
        var pod = await pods.TakeAsync("clear-containers");
        using var folder = new TempFolder();
        folder.File("given", "from the node\n");
        folder.Folder("empty");
        folder.File("words", "");
        var writer = Requests.Script("writer", "cat /data/given /one; touch /ro/x 2>/dev/null || echo refused; echo back > /data/taken; echo passed > /empty/note; echo last words > /dev/termination-log");
        writer.Mounts.Add(new Mount { HostPath = folder.Path, ContainerPath = "/data" });
        writer.Mounts.Add(new Mount { HostPath = folder.Path, ContainerPath = "/ro", Readonly = true });
        writer.Mounts.Add(new Mount { HostPath = folder["given"], ContainerPath = "/one", Readonly = true });
        writer.Mounts.Add(new Mount { HostPath = folder["empty"], ContainerPath = "/empty" });
        writer.Mounts.Add(new Mount { HostPath = folder["words"], ContainerPath = "/dev/termination-log" });
        Assert.Equal("from the node\nfrom the node\nrefused", await pod.OutputAsync(writer));
        Assert.Equal("back\n", await File.ReadAllTextAsync(folder["taken"]));
        Assert.Equal("last words\n", await File.ReadAllTextAsync(folder["words"]));
        var reader = Requests.Script("reader", "cat /empty/note");
        reader.Mounts.Add(new Mount { HostPath = folder["empty"], ContainerPath = "/empty" });
        Assert.Equal("passed", await pod.OutputAsync(reader));
    }

    [Fact]
    public async Task Folders_ThatAreMountsWithMountsBeneath_AreSeenWhole()
    {
        var pod = await pods.TakeAsync("clear-containers");
        using var folder = new TempFolder();
        var (outer, inner) = (folder.Folder("volume"), folder["volume/inner"]);
        Mounts.Tmpfs(outer, MiB, "0755");
        try
        {
            Directory.CreateDirectory(inner);
            Mounts.Tmpfs(inner, MiB, "0755");
            await File.WriteAllTextAsync(Path.Combine(inner, "given"), "beneath\n");
            var container = Requests.Script("mounts", "cat /volume/inner/given; echo back > /volume/inner/taken; [ $(stat -c %d /volume) != $(stat -c %d /volume/inner) ] && echo apart");
            container.Mounts.Add(new Mount { HostPath = outer, ContainerPath = "/volume" });
            Assert.Equal("beneath\napart", await pod.OutputAsync(container));
            Assert.Equal("back\n", await File.ReadAllTextAsync(Path.Combine(inner, "taken")));
        }
        finally
        {
            MountTable.UnmountBeneath(outer);
        }
    }

    [Fact]
    public async Task Files_OfRunv_AreCopiedAndComeBack()
    {
        var pod = await pods.TakeAsync("runv");
        using var folder = new TempFolder();
        folder.File("config/key", "value\n");
        folder.File("message", "");
        folder.File("kept", "as it is\n");
        folder.File("config/run", "#!/bin/sh\nid -u\n");
        File.SetUnixFileMode(folder["config/run"], UnixFileMode.UserRead | UnixFileMode.UserExecute);
        File.SetUnixFileMode(folder["config"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.StickyBit);
        using (var config = SafeFd.OpenDirectory(folder["config"]))
        {
            FilesAt.SetOwner(config, "key"u8, 7, 8);
        }

        var container = Requests.Script("files", "stat -c '%a %u %g' /config /config/key /config/run; /config/run; cat /config/key /kept; touch /config/x 2>/dev/null || echo refused; echo last words > /dev/termination-log; exit 3");
        container.Mounts.Add(new Mount { HostPath = folder["config"], ContainerPath = "/config", Readonly = true });
        container.Mounts.Add(new Mount { HostPath = folder["message"], ContainerPath = "/dev/termination-log" });
        container.Mounts.Add(new Mount { HostPath = folder["kept"], ContainerPath = "/kept" });
        var id = await pod.StartAsync(container);
        // What the container did not write is not written.
        await Wait.ForAsync(() => pod.Log("files.log").Count > 0, Limit);
        folder.File("kept", "newer\n");
        Assert.Equal(3, (await pod.ExitedAsync(id)).ExitCode);
        Assert.Equal(["1700 0 0", "644 7 8", "500 0 0", "0", "value", "as it is", "refused"], pod.Log("files.log").Select(static l => l.Text));
        Assert.Equal("last words\n", await File.ReadAllTextAsync(folder["message"]));
        Assert.Equal("newer\n", await File.ReadAllTextAsync(folder["kept"]));

        var writable = Requests.Script("writable", "true");
        writable.Mounts.Add(new Mount { HostPath = folder["config"], ContainerPath = "/config" });
        var error = await Assert.ThrowsAsync<RpcException>(() => pod.CreateAsync(writable));
        Assert.Contains("a writable folder of the host", error.Status.Detail, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Handlers))]
    public async Task Terminal_Attached_HasItsSizeAndItsInput(string handler)
    {
        var pod = await pods.TakeAsync(handler);
        var container = Requests.Script("terminal", "until stty size 2>/dev/null | grep -q '50 132'; do :; done; echo big; read word; echo got $word");
        (container.Stdin, container.Tty) = (true, true);
        var id = await pod.StartAsync(container);
        var url = (await pods.Client.Runtime.AttachAsync(new() { ContainerId = id, Stdin = true, Stdout = true, Tty = true })).Url;
        await using var client = await ChannelClient.ConnectAsync(url, "v5.channel.k8s.io");
        await client.SendAsync(4, """{"Width":132,"Height":50}""");
        await client.ReadUntilAsync(1, "big\r\n");
        await client.SendAsync(0, "word\n");
        await client.ReadToEndAsync();
        Assert.Contains("got word\r\n", client.Text(1), StringComparison.Ordinal);
        Assert.Contains("Success", client.Text(3), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Handlers))]
    public async Task Streams_OfAnExecAndOfPorts_ReachThePod(string handler)
    {
        Assert.SkipUnless(SpdyClient.Missing is null, SpdyClient.Missing ?? "");
        var pod = await pods.TakeAsync(handler);
        var id = await pod.StartAsync(Requests.Script("streams", "exec nc -ll -p 8082 -e cat"));
        var exec = (await pods.Client.Runtime.ExecAsync(
            new() { ContainerId = id, Cmd = { "sh", "-c", "tr a-z A-Z; echo problem >&2; exit 7" }, Stdin = true, Stdout = true, Stderr = true })).Url;
        using var folder = new TempFolder();
        var console = await SpdyClient.RunAsync(["console", "-url", exec, "-status", folder["status"], "-stdin", "-stdout", "-stderr"], "hello"u8.ToArray());
        Assert.Equal(("HELLO", "problem"), (console.OutputText, console.Error));
        Assert.Contains("exit status 7", await File.ReadAllTextAsync(folder["status"]), StringComparison.Ordinal);

        await Wait.ForAsync(async () => (await pod.ExecAsync(id, "netstat", "-ltn")).Output, static o => o.Contains(":8082 ", StringComparison.Ordinal), Limit);
        var ports = (await pods.Client.Runtime.PortForwardAsync(new() { PodSandboxId = pod.Id })).Url;
        var result = await SpdyClient.RunAsync(["ports", "-url", ports, "-port", "8082", "-connections", "5", "-bytes", "200000"]);
        Assert.Equal(
            Enumerable.Range(0, 5).Select(static i => $"{i} hello {i}+200000"),
            result.OutputText.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
        var nobody = (await pods.Client.Runtime.PortForwardAsync(new() { PodSandboxId = pod.Id })).Url;
        Assert.Contains("error forwarding port 4999", (await SpdyClient.RunAsync(["ports", "-url", nobody, "-port", "4999"])).OutputText, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Handlers))]
    public async Task Restart_ByKill_AdoptsTheMachineAndReportsWhatEnded(string handler)
    {
        var pod = await pods.TakeAsync(handler);
        var running = await pod.StartAsync(Requests.Script("running", "trap 'exit 0' TERM; i=0; while :; do echo $i; i=$((i+1)); sleep 0.1 & wait; done"));
        // Ended by a connection over the pod's network, which needs no gateway.
        var ending = await pod.StartAsync(Requests.Script("ending", "echo ready; nc -l -p 8083 >/dev/null; echo last; exit 9"));
        await Wait.ForAsync(() => pod.Log("ending.log").Count == 1, Limit);
        var ip = (await pod.StatusAsync()).Network.Ip;
        var machines = pods.Machines().Count;

        await pods.Gateway.KillAsync();
        await Wait.ForAsync(() => ConnectsAsync(ip, 8083), static connected => connected, Limit);
        await pods.Gateway.StartAgainAsync();

        Assert.Equal(machines, pods.Machines().Count);
        var status = await pod.ExitedAsync(ending);
        Assert.Equal((9, "Error"), (status.ExitCode, status.Reason));
        Assert.Equal(["ready", "last"], pod.Log("ending.log").Select(static l => l.Text));
        Assert.Equal((0, "alive\n", ""), await pod.ExecAsync(running, "echo", "alive"));
        var written = pod.Log("running.log").Count;
        await Wait.ForAsync(() => pod.Log("running.log").Count > written + 3, Limit);
        await pods.Client.Runtime.StopContainerAsync(new() { ContainerId = running, Timeout = 30 });
        Assert.Equal(0, (await pod.StatusAsync(running)).ExitCode);
        var numbers = pod.Log("running.log").Select(static l => int.Parse(l.Text)).ToList();
        Assert.Equal(Enumerable.Range(0, numbers.Count), numbers);
        await pods.Client.Runtime.RemoveContainerAsync(new() { ContainerId = running });
        await pods.Client.Runtime.RemoveContainerAsync(new() { ContainerId = running });
    }

    private static async Task SignalAsync(int pid, int signal)
    {
        using var process = PidFd.TryOpen(pid);
        Assert.True(process!.Signal(signal));
        await (signal == SigKill ? process.ExitedAsync(CancellationToken.None) : Task.CompletedTask);
    }

    private static async Task<bool> ConnectsAsync(string ip, int port)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(ip, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
