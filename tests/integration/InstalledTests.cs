using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>
/// The gateway as deploy/install puts it on a node, under systemd. The tests own that machine: they run where
/// BERTH_TEST_INSTALLED says so, which tests/node does in its guest.
/// </summary>
public sealed class InstalledTests(Suite suite) : IAsyncLifetime
{
    private const string Socket = "/run/berth/berth.sock";
    private const string NetworkFile = "/etc/cni/net.d/10-test.conflist";
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(30);
    private TestNetwork? _network;
    private TempFolder? _logs;
    private readonly CriClient _client = new(Socket);
    private bool _owned;

    // One test for all handlers: each start of the gateway takes long where the processor is emulated.
    [Fact]
    public async Task Restart_OrKill_OfTheUnit_ReachesNoPod()
    {
        await SystemctlAsync("start");
        // Type=notify: what systemd calls started answers.
        Assert.True(await _client.AnswersAsync());
        Assert.Equal(CgroupDriver.Systemd, (await _client.Runtime.RuntimeConfigAsync(new())).Linux.CgroupDriver);
        await _client.Admin.ImportImageAsync(new() { Path = suite.Sample });
        List<(TestPod Pod, string Id, int Pid)> running = [await RunAsync("runc"), await RunAsync("crun")];
        var gateway = await MainPidAsync();

        await SystemctlAsync("restart");

        Assert.NotEqual(gateway, await MainPidAsync());
        foreach (var (pod, id, pid) in running)
        {
            Assert.Equal(pid, await ContainerPidAsync(id));
            Assert.Equal((0, "alive\n", ""), await pod.ExecAsync(id, "echo", "alive"));
        }

        // Restart=always: systemd brings back what was killed.
        gateway = await MainPidAsync();
        using (var process = PidFd.TryOpen(gateway))
        {
            Assert.True(process!.Signal(9));
        }

        await Wait.ForAsync(async () => await MainPidAsync() is var pid && pid != 0 && pid != gateway && await _client.AnswersAsync(), static answers => answers, StartTime);
        foreach (var (pod, id, pid) in running)
        {
            Assert.Equal((ContainerState.ContainerRunning, pid), ((await pod.StatusAsync(id)).State, await ContainerPidAsync(id)));
        }

        await SystemctlAsync("stop");
        Assert.All(running, static r => Assert.True(Directory.Exists($"/proc/{r.Pid}")));
        await SystemctlAsync("start");
        foreach (var (pod, id, pid) in running)
        {
            Assert.Equal(ContainerState.ContainerRunning, (await pod.StatusAsync(id)).State);
            await pod.DisposeAsync();
            Assert.False(Directory.Exists($"/proc/{pid}"));
        }
    }

    public ValueTask InitializeAsync()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("BERTH_TEST_INSTALLED") == "yes", "BERTH_TEST_INSTALLED does not give these tests an installed Berth; tests/node/run does");
        (_owned, _network, _logs) = (true, new(), new());
        Directory.CreateDirectory(Path.GetDirectoryName(NetworkFile)!);
        File.Copy(Path.Combine(_network.ConfDir, Path.GetFileName(NetworkFile)), NetworkFile);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        if (_owned)
        {
            File.Delete(NetworkFile);
            await SystemctlAsync("stop");
            foreach (var folder in ((string[])["/run/berth", "/var/lib/berth"]).Where(Directory.Exists))
            {
                MountTable.UnmountBeneath(folder);
                Directory.Delete(folder, recursive: true);
            }
        }

        if (_network is not null)
        {
            await _network.DisposeAsync();
        }

        _logs?.Dispose();
    }

    private async Task<(TestPod Pod, string Id, int Pid)> RunAsync(string handler)
    {
        var pod = await TestPod.RunAsync(_client, _logs!.Path, handler);
        var id = await pod.StartAsync(Requests.Idle());
        var pid = await ContainerPidAsync(id);
        // It is no part of the unit.
        Assert.StartsWith(pod.Config.Linux.CgroupParent + "/", CgroupFile.PathOf(pid, "memory"), StringComparison.Ordinal);
        return (pod, id, pid);
    }

    private static async Task<string> SystemctlAsync(string verb, params string[] more)
    {
        var result = await CommandRunner.RunAsync(new Command { Path = "systemctl", Arguments = [verb, "berth", .. more] }, null, 64 * 1024, CancellationToken.None);
        Assert.True(result.ExitCode == 0, $"systemctl {verb} berth: {result.Error}");
        return result.OutputText.Trim();
    }

    private static async Task<int> MainPidAsync() => int.Parse(await SystemctlAsync("show", "--property=MainPID", "--value"));

    private async Task<int> ContainerPidAsync(string id) =>
        (await _client.Admin.ListPodsAsync(new())).Pods.SelectMany(static p => p.Containers).Single(c => c.Id == id).Pid;
}
