using System.Text.Json;
using Berth.Containers;
using Berth.Containers.Spec;
using Berth.Linux;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

/// <summary>What is built is run by real runtimes, and the kernel says what came of it.</summary>
public sealed class RealRuntimeTests : IDisposable
{
    private static readonly HostFacts Host = HostFacts.Read();
    private static readonly string CgroupFolder = Host.CgroupV2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    private static readonly SecurityProfile RuntimeDefault = new(SecurityProfileType.RuntimeDefault, "");

    private readonly TestRootfs _rootfs = new();
    private readonly string _id = $"berth-spec-{Guid.NewGuid():N}";

    public RealRuntimeTests()
    {
        Directory.CreateDirectory(Path.Combine(_rootfs.Path, "bin"));
        File.Copy(Busybox.Path, Path.Combine(_rootfs.Path, "bin/busybox"));
        foreach (var applet in (string[])["sh", "cat", "id", "touch", "ls", "mkdir", "mount", "hostname", "true", "wc"])
        {
            File.CreateSymbolicLink(Path.Combine(_rootfs.Path, "bin", applet), "busybox");
        }
    }

    public void Dispose() => _rootfs.Dispose();

    [Fact]
    public async Task Runc_UserAndRights_AreAsAsked()
    {
        var output = await RunAsync("cat /proc/self/status; pwd; hostname; echo $HOSTNAME", new()
        {
            RunAsUsername = "web",
            SupplementalGroups = [77],
            NoNewPrivileges = true,
            DropCapabilities = ["ALL"],
            AddCapabilities = ["NET_RAW"],
            Seccomp = RuntimeDefault,
        });

        Assert.Contains("Uid:\t1000\t1000\t1000\t1000", output, StringComparison.Ordinal);
        Assert.Contains("Gid:\t1001\t1001\t1001\t1001", output, StringComparison.Ordinal);
        Assert.Contains("Groups:\t50 60 77 1001 \n", output, StringComparison.Ordinal);
        Assert.Contains("NoNewPrivs:\t1", output, StringComparison.Ordinal);
        Assert.Contains("Seccomp:\t2", output, StringComparison.Ordinal);
        Assert.Contains("CapBnd:\t0000000000002000", output, StringComparison.Ordinal);
        Assert.Contains("CapInh:\t0000000000000000", output, StringComparison.Ordinal);
        Assert.EndsWith("/etc\npod-1\npod-1\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Runc_Ambient_ReachesAnotherUserThanRoot() =>
        Assert.Contains(
            "CapEff:\t0000000000000400",
            await RunAsync("cat /proc/self/status", new() { RunAsUser = 1000, DropCapabilities = ["ALL"], AddAmbientCapabilities = ["NET_BIND_SERVICE"] }),
            StringComparison.Ordinal);

    [Fact]
    public async Task Runc_PathsAndRoot_AreProtected()
    {
        var output = await RunAsync(
            "touch /x 2>&1; cat /proc/kcore | wc -c; touch /proc/sys/kernel/hostname 2>&1; mkdir " + CgroupFolder + "/x 2>&1; mount -t tmpfs t /etc 2>&1; touch /data/a /fresh/b; ls /data; true",
            new() { ReadOnlyRootfs = true, MaskedPaths = ["/proc/kcore"], ReadOnlyPaths = ["/proc/sys"], Seccomp = RuntimeDefault },
            input => input with
            {
                Container = input.Container with { Mounts = [new() { ContainerPath = "/data", HostPath = Path.Combine(_rootfs.Folder, "made") }] },
                Image = input.Image with { Volumes = ["/fresh"] },
            });

        Assert.Contains("touch: /x: Read-only file system", output, StringComparison.Ordinal);
        Assert.Contains("\n0\n", output, StringComparison.Ordinal);
        Assert.Contains("touch: /proc/sys/kernel/hostname: Read-only file system", output, StringComparison.Ordinal);
        Assert.Contains($"mkdir: can't create directory '{CgroupFolder}/x': Read-only file system", output, StringComparison.Ordinal);
        // By seccomp, or by AppArmor before.
        Assert.Matches("mount: .*[Pp]ermission denied", output);
        Assert.EndsWith("\na\n", output, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_rootfs.Folder, "made/a")));
    }

    [Fact]
    public async Task Runc_Privileged_HasOurBoundingSetAndDevices()
    {
        var output = await RunAsync("cat /proc/self/status; ls /dev", new() { Privileged = true });

        Assert.Contains($"CapEff:\t{Host.BoundingSet.Intersect(CapabilitySet.All).Bits:x16}", output, StringComparison.Ordinal);
        Assert.Contains("Seccomp:\t0", output, StringComparison.Ordinal);
        Assert.Contains("\nkmsg\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Runc_Limits_AreInTheCgroup()
    {
        var resources = new ContainerResources { MemoryLimitBytes = 64 << 20, CpuShares = 512, CpuQuota = 50000, CpuPeriod = 100000, OomScoreAdj = 300 };
        var memory = Host.CgroupV2 ? "memory.max" : "memory/memory.limit_in_bytes";

        var output = await RunAsync($"cat /proc/self/oom_score_adj /sys/fs/cgroup/{memory}; ls /dev/mine", new(), input => input with
        {
            Container = input.Container with { Resources = resources, Devices = [new("/dev/null", "/dev/mine", "rw")] },
        });

        Assert.Equal("300\n67108864\n/dev/mine\n", output);
    }

    [Fact]
    public async Task Crun_SameSpec_IsAccepted()
    {
        var output = await RunAsync(
            "cat /proc/self/status; touch /x 2>&1; true",
            new() { RunAsUser = 1000, NoNewPrivileges = true, ReadOnlyRootfs = true, Seccomp = RuntimeDefault, MaskedPaths = ["/proc/kcore"] },
            runtime: "crun");

        Assert.Contains("Uid:\t1000\t1000\t1000\t1000", output, StringComparison.Ordinal);
        Assert.Contains("Seccomp:\t2", output, StringComparison.Ordinal);
        Assert.Contains("touch: /x: Read-only file system", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Crun_EveryCapability_IsAccepted() =>
        Assert.Contains(
            "Seccomp:\t2",
            await RunAsync("cat /proc/self/status", new() { AddCapabilities = ["ALL"], Seccomp = RuntimeDefault }, runtime: "crun"),
            StringComparison.Ordinal);

    [Theory]
    [InlineData("runc")]
    [InlineData("crun")]
    public async Task Sandbox_Init_HoldsThePidNamespace(string runtime)
    {
        var rootfs = Path.Combine(_rootfs.Folder, "sandbox");
        Directory.CreateDirectory(rootfs);
        var spec = new SandboxSpecBuilder(Host, new("/usr/share/containers/seccomp.json", Host)).Build(new()
        {
            RootfsPath = rootfs,
            NamespacePaths = new Dictionary<string, string>(),
            CgroupsPath = $"/{_id}",
            OciVersion = "1.0.2",
            Seccomp = RuntimeDefault,
        });
        var bundle = WriteBundle(OciJson.Write(spec));
        try
        {
            await RuntimeAsync(runtime, "run", "--detach", "--bundle", bundle, _id);
            using var state = JsonDocument.Parse(await RuntimeAsync(runtime, "state", _id));
            var pid = state.RootElement.GetProperty("pid").GetInt32();
            Assert.Equal("running", state.RootElement.GetProperty("status").GetString());
            await BecomesAsync(pid, "/init\0-P");
            Assert.Contains("NSpid:\t" + pid + "\t1\n", await File.ReadAllTextAsync($"/proc/{pid}/status"), StringComparison.Ordinal);
            Assert.Contains("CapBnd:\t0000000000000000", await File.ReadAllTextAsync($"/proc/{pid}/status"), StringComparison.Ordinal);
        }
        finally
        {
            await EndAsync(runtime);
        }
    }

    private async Task<string> RunAsync(string script, SecurityContext security, Func<SpecInput, SpecInput>? change = null, string runtime = "runc")
    {
        // The kernel may have lost the profile that config.json names, or never had it.
        Assert.Equal("", await new AppArmorDefault(Host, Path.Combine(_rootfs.Folder, "apparmor")).EnsureAsync(security, new() { AppArmor = true }, TestContext.Current.CancellationToken));
        var container = TestRootfs.Container(security) with { Command = ["/bin/sh", "-c", script], WorkingDirectory = "/etc" };
        var input = _rootfs.Input(container) with { CgroupsPath = $"/{_id}" };
        var result = TestRootfs.Build(change?.Invoke(input) ?? input, Host);
        HostFolders.Create(result.FoldersToCreate);
        return await RuntimeAsync(runtime, "run", "--bundle", WriteBundle(OciJson.Write(result.Spec)), _id);
    }

    // A detached run returns while the runtime's own process is still about to become the container's.
    private static async Task BecomesAsync(int pid, string commandLine)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!(await File.ReadAllTextAsync($"/proc/{pid}/cmdline", limit.Token)).Contains(commandLine, StringComparison.Ordinal))
        {
            await Task.Delay(5, limit.Token);
        }
    }

    // crun leaves the cgroup behind if it deletes a container whose process has not been reaped yet.
    private async Task EndAsync(string runtime)
    {
        using var state = JsonDocument.Parse(await RuntimeAsync(runtime, "state", _id));
        using var init = PidFd.TryOpen(state.RootElement.GetProperty("pid").GetInt32());
        await RuntimeAsync(runtime, "kill", _id, "KILL");
        await (init?.ExitedAsync(CancellationToken.None) ?? Task.CompletedTask);
        await RuntimeAsync(runtime, "delete", _id);
    }

    private string WriteBundle(byte[] config)
    {
        File.WriteAllBytes(Path.Combine(_rootfs.Folder, "config.json"), config);
        return _rootfs.Folder;
    }

    // crun refuses the hybrid of cgroup v1 and v2; in a mount namespace of its own it sees v1 alone.
    private static Command InPlainCgroups(Command command) => Host.CgroupV2 || !Directory.Exists("/sys/fs/cgroup/unified") ? command : new()
    {
        Path = "unshare",
        Arguments = ["--mount", "sh", "-c", "umount /sys/fs/cgroup/unified && exec \"$@\"", "sh", command.Path, .. command.Arguments],
    };

    private async Task<string> RuntimeAsync(string runtime, params string[] arguments)
    {
        var command = new Command { Path = runtime, Arguments = ["--root", Path.Combine(_rootfs.Folder, "state"), .. arguments] };
        var result = await CommandRunner.RunAsync(runtime == "crun" ? InPlainCgroups(command) : command, null, 1 << 20, CancellationToken.None);
        Assert.True(result.ExitCode == 0, $"{runtime} {arguments[0]}: {result.ExitCode} {result.Error} {result.OutputText}");
        return result.OutputText;
    }
}
