using Berth.Cri.Protos;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Users, rights and shields of a container, as its own first process sees them.</summary>
public sealed class SecurityTests(Suite suite)
{
    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task User_ById_TakesGroupsFromTheImage(string handler)
    {
        var output = await LookAsync(handler, "id -u; id -g; id -G", static s => s.RunAsUser = new() { Value = 33 });
        Assert.Equal("33\n33\n33 40", output);
    }

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task User_ByName_IsLookedUpInTheImage(string handler) =>
        Assert.Equal("33\n33\n33 40", await LookAsync(handler, "id -u; id -g; id -G", static s => s.RunAsUsername = "www"));

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task Groups_Merge_AddsThoseOfTheRequest(string handler) =>
        Assert.Equal("33 40 4000", await LookAsync(handler, "id -G", static s =>
        {
            s.RunAsUser = new() { Value = 33 };
            s.SupplementalGroups.Add(4000);
        }));

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task Groups_Strict_LeavesOutThoseOfTheImage(string handler) =>
        Assert.Equal("1000\n1001 4000", await LookAsync(handler, "id -u; id -G", static s =>
        {
            s.RunAsUser = new() { Value = 1000 };
            s.RunAsGroup = new() { Value = 1001 };
            s.SupplementalGroups.Add(4000);
            s.SupplementalGroupsPolicy = SupplementalGroupsPolicy.Strict;
        }));

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task ReadOnlyRootfs_Write_IsRefused(string handler) =>
        Assert.Equal("refused", await LookAsync(handler, "touch /new 2>/dev/null && echo written || echo refused", static s => s.ReadonlyRootfs = true));

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Capabilities_AddAndDrop_ShowInTheBoundingSet(string handler)
    {
        var bits = Convert.ToUInt64(await LookAsync(handler, "awk '/CapBnd/ {print $2}' /proc/self/status", static s =>
        {
            s.Capabilities.AddCapabilities.Add("NET_ADMIN");
            s.Capabilities.DropCapabilities.Add("CHOWN");
        }), 16);
        Assert.True((bits & (1ul << 12)) != 0, "CAP_NET_ADMIN is missing");
        Assert.True((bits & 1) == 0, "CAP_CHOWN is there");
        Assert.True((bits & (1ul << 10)) != 0, "CAP_NET_BIND_SERVICE of the default set is missing");
        Assert.True((bits & (1ul << 21)) == 0, "CAP_SYS_ADMIN is there");
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Privileged_Container_HasOurOwnRights(string handler)
    {
        await suite.RequireAsync(handler, "privileged");
        var ours = (await File.ReadAllLinesAsync("/proc/self/status")).First(static l => l.StartsWith("CapBnd:", StringComparison.Ordinal))[7..].Trim();
        await using var pod = await suite.PodAsync(handler, static c => c.Linux.SecurityContext.Privileged = true);
        var container = Requests.Script("look", "awk '/CapBnd/ {print $2}' /proc/self/status; [ -e /dev/full ] && echo devices; awk '$5 == \"/sys\" {print substr($6, 1, 2)}' /proc/self/mountinfo");
        container.Linux.SecurityContext.Privileged = true;
        var output = await pod.OutputAsync(container);
        Assert.Equal(ours + "\ndevices\nrw", output);
    }

    [Theory, MemberData(nameof(Suite.OciHandlers), MemberType = typeof(Suite))]
    public async Task Capabilities_Ambient_ReachAnotherUserThanRoot(string handler)
    {
        var sets = (await LookAsync(handler, "awk '/CapAmb|CapEff|CapInh/ {print $2}' /proc/self/status", static s =>
        {
            s.RunAsUser = new() { Value = 1000 };
            s.Capabilities.AddAmbientCapabilities.Add("NET_BIND_SERVICE");
        })).Split('\n').Select(static l => Convert.ToUInt64(l, 16));
        Assert.All(sets, static s => Assert.Equal(1ul << 10, s));
    }

    [Theory, MemberData(nameof(Suite.OciHandlers), MemberType = typeof(Suite))]
    public async Task DeviceCgroup_LetsInWhatIsAskedForAndNoMore(string handler)
    {
        // Opened for writing, /dev/kmsg needs no capability; nothing is written.
        const string Open = "for d in /dev/asked /dev/made; do (: > $d) 2>/dev/null && echo opened || echo refused; done";
        await using var pod = await suite.PodAsync(handler);
        foreach (var (access, expected) in ((string, string)[])[("rw", "opened\nopened"), ("r", "refused\nrefused")])
        {
            var container = Requests.Script("look-" + access, "mknod /dev/made c 1 11; " + Open);
            container.Devices.Add(new Device { HostPath = "/dev/kmsg", ContainerPath = "/dev/asked", Permissions = access });
            Assert.Equal(expected, await pod.OutputAsync(container));
        }
    }

    [Theory, MemberData(nameof(Suite.OciHandlers), MemberType = typeof(Suite))]
    public async Task PidMode_Target_JoinsThatContainerOfItsPod(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var first = await pod.StartAsync(Requests.Idle());
        var debugger = Requests.Script("debugger", "tr '\\0' ' ' < /proc/1/cmdline; readlink /proc/self/ns/pid");
        debugger.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Target;
        debugger.Linux.SecurityContext.NamespaceOptions.TargetId = first;
        var seen = await pod.OutputAsync(debugger);
        Assert.StartsWith("/bin/sh -c trap", seen, StringComparison.Ordinal);
        Assert.EndsWith((await pod.ExecAsync(first, "readlink", "/proc/self/ns/pid")).Output.Trim(), seen, StringComparison.Ordinal);

        await using var other = await suite.PodAsync(handler);
        debugger.Metadata.Attempt = 1;
        Assert.Equal(StatusCode.NotFound, (await RefusedAsync(other, debugger)).StatusCode);
        await suite.Client.Runtime.StopContainerAsync(new() { ContainerId = first });
        Assert.Contains("does not run", (await RefusedAsync(pod, debugger)).Status.Detail, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Suite.OciHandlers), MemberType = typeof(Suite))]
    public async Task PidMode_Node_IsTheHostsIfThePodsIsToo(string handler)
    {
        await using var pod = await suite.PodAsync(handler, static c => c.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Node);
        var container = Requests.Script("look", "readlink /proc/self/ns/pid");
        container.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Node;
        Assert.Equal(Path.GetFileName(File.ResolveLinkTarget("/proc/self/ns/pid", returnFinalTarget: false)!.Name), await pod.OutputAsync(container));

        await using var plain = await suite.PodAsync(handler);
        Assert.Equal(StatusCode.InvalidArgument, (await RefusedAsync(plain, container)).StatusCode);
    }

    [Fact]
    public async Task SecurityContext_ThatCannotBe_IsRefusedByItsFieldOrRemedy()
    {
        using var folder = new TempFolder();
        (Action<LinuxContainerSecurityContext> Change, StatusCode Code, string Word)[] wrong =
        [
            (s => s.Seccomp = Localhost(folder["absent.json"]), StatusCode.FailedPrecondition, "absent.json does not exist"),
            (s => s.Seccomp = Localhost(folder.File("broken.json", "{\"defaultAction\":")), StatusCode.InvalidArgument, "broken.json is not valid"),
            (s => s.Seccomp = Localhost(folder.File("odd.json", "{\"defaultAction\":\"SCMP_ACT_SOMETHING\"}")), StatusCode.InvalidArgument, "SCMP_ACT_SOMETHING"),
            (s => s.Seccomp = Localhost("relative.json"), StatusCode.InvalidArgument, "absolute"),
            (s => s.Seccomp = new() { ProfileType = SecurityProfile.Types.ProfileType.Localhost }, StatusCode.InvalidArgument, "localhost_ref"),
            (s => s.Apparmor = Localhost("no-such-profile"), StatusCode.FailedPrecondition, "no-such-profile"),
            (s => s.SupplementalGroupsPolicy = (SupplementalGroupsPolicy)7, StatusCode.InvalidArgument, "supplemental_groups_policy"),
            (s => s.RunAsGroup = new() { Value = 1 }, StatusCode.InvalidArgument, "run_as_group"),
            (s => (s.RunAsUser, s.RunAsUsername) = (new() { Value = 1 }, "www"), StatusCode.InvalidArgument, "run_as_username"),
            (s => s.RunAsUsername = "nobody-here", StatusCode.InvalidArgument, "nobody-here"),
            (s => s.Capabilities.AddCapabilities.Add("FLY"), StatusCode.InvalidArgument, "FLY"),
            (s => s.Privileged = true, StatusCode.InvalidArgument, "privileged"),
        ];
        await using var pod = await suite.PodAsync();
        foreach (var (change, code, word) in wrong)
        {
            var container = Requests.Idle();
            change(container.Linux.SecurityContext);
            var error = await RefusedAsync(pod, container);
            Assert.True(error.StatusCode == code && error.Status.Detail.Contains(word, StringComparison.Ordinal), $"{word}: {error.Status}");
        }
    }

    [Fact]
    public async Task SecurityModules_ThatTheKernelLacks_AreRefusedByName_AndTheirDefaultsAreNothing()
    {
        Assert.SkipWhen(Linux.Kernel.HasAppArmor || Linux.Kernel.HasSelinux, "this kernel has one of them");
        await using var pod = await suite.PodAsync();
        var confined = Requests.Idle();
        confined.Linux.SecurityContext.Apparmor = new() { ProfileType = SecurityProfile.Types.ProfileType.Localhost, LocalhostRef = "mine" };
        Assert.Contains("AppArmor is not enabled", (await RefusedAsync(pod, confined)).Status.Detail, StringComparison.Ordinal);
        var plain = Requests.Script("plain", "echo ran");
        plain.Linux.SecurityContext.Apparmor = new() { ProfileType = SecurityProfile.Types.ProfileType.RuntimeDefault };
        plain.Linux.SecurityContext.SelinuxOptions = new() { Type = "spc_t", Level = "s0" };
        plain.Mounts.Add(new Mount { HostPath = "/tmp", ContainerPath = "/data", Readonly = true, SelinuxRelabel = true });
        Assert.Equal("ran", await pod.OutputAsync(plain));
    }

    [Theory, MemberData(nameof(UnifiedCgroupTests.Handlers), MemberType = typeof(UnifiedCgroupTests))]
    public async Task AppArmor_OfTheKernel_ConfinesAsAsked(string handler)
    {
        Assert.SkipUnless(Linux.Kernel.HasAppArmor, "this kernel has no AppArmor; tests/node/run has one that does");
        const string Look = "cat /proc/self/attr/current; mount -t tmpfs none /tmp 2>/dev/null && echo mounted || echo refused";
        await using var pod = await suite.PodAsync(handler, static p => p.Linux.SecurityContext.Privileged = true);
        foreach (var (name, change, expected) in ((string, Action<LinuxContainerSecurityContext>, string)[])
            [
                ("unset", static _ => { }, "berth-default (enforce)\nrefused"),
                ("default", static s => s.Apparmor = new() { ProfileType = SecurityProfile.Types.ProfileType.RuntimeDefault }, "berth-default (enforce)\nrefused"),
                ("unconfined", static s => s.Apparmor = new() { ProfileType = SecurityProfile.Types.ProfileType.Unconfined }, "unconfined\nmounted"),
                ("loaded", static s => s.Apparmor = new() { ProfileType = SecurityProfile.Types.ProfileType.Localhost, LocalhostRef = "berth-default" }, "berth-default (enforce)\nrefused"),
                ("privileged", static s => s.Privileged = true, "unconfined\nmounted"),
            ])
        {
            var container = Requests.Script(name, Look);
            container.Linux.SecurityContext.Capabilities.AddCapabilities.Add("SYS_ADMIN");
            change(container.Linux.SecurityContext);
            Assert.Equal((name, expected), (name, await pod.OutputAsync(container)));
        }

        var absent = Requests.Idle("absent");
        absent.Linux.SecurityContext.Apparmor = new() { ProfileType = SecurityProfile.Types.ProfileType.Localhost, LocalhostRef = "no-such-profile" };
        var refusal = await RefusedAsync(pod, absent);
        Assert.Equal(StatusCode.FailedPrecondition, refusal.StatusCode);
        Assert.Contains("no-such-profile", refusal.Status.Detail, StringComparison.Ordinal);

        // It hears its stop signal, and an exec is confined as it is.
        var id = await pod.StartAsync(Requests.Idle());
        Assert.Equal((0, "berth-default (enforce)\n", ""), await pod.ExecAsync(id, "cat", "/proc/self/attr/current"));
        await suite.Client.Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 20 });
        Assert.Equal(0, (await pod.StatusAsync(id)).ExitCode);
    }

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task NoNewPrivileges_Asked_IsSet(string handler)
    {
        Assert.Equal("1", await LookAsync(handler, "awk '/NoNewPrivs/ {print $2}' /proc/self/status", static s => s.NoNewPrivs = true));
        Assert.Equal("0", await LookAsync(handler, "awk '/NoNewPrivs/ {print $2}' /proc/self/status", static _ => { }));
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Seccomp_RuntimeDefault_Filters(string handler)
    {
        var output = await LookAsync(handler, "awk '/Seccomp:/ {print $2}' /proc/self/status; dmesg >/dev/null 2>&1 && echo read || echo refused",
            static s => s.Seccomp = new() { ProfileType = SecurityProfile.Types.ProfileType.RuntimeDefault });
        Assert.Equal("2\nrefused", output);
    }

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task Seccomp_Unconfined_DoesNotFilter(string handler) =>
        Assert.Equal("0", await LookAsync(handler, "awk '/Seccomp:/ {print $2}' /proc/self/status",
            static s => s.Seccomp = new() { ProfileType = SecurityProfile.Types.ProfileType.Unconfined }));

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task Seccomp_Localhost_UsesTheFile(string handler)
    {
        using var folder = new TempFolder();
        var profile = folder.File("profile.json", """
            {"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}
            """);
        var output = await LookAsync(handler, "mkdir /tmp/x 2>/dev/null && echo made || echo refused",
            s => s.Seccomp = new() { ProfileType = SecurityProfile.Types.ProfileType.Localhost, LocalhostRef = profile });
        Assert.Equal("refused", output);
    }

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task Paths_MaskedAndReadOnly_AreShielded(string handler)
    {
        var output = await LookAsync(handler, "wc -c < /proc/timer_list; touch /proc/sys/kernel/domainname 2>/dev/null && echo written || echo refused", static s =>
        {
            s.MaskedPaths.Add("/proc/timer_list");
            s.ReadonlyPaths.Add("/proc/sys");
        });
        Assert.Equal("0\nrefused", output);
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Device_OfTheHost_IsThere(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var container = Requests.Script("look", "head -c 3 /dev/test-zero | wc -c");
        container.Devices.Add(new Device { HostPath = "/dev/zero", ContainerPath = "/dev/test-zero", Permissions = "rwm" });
        Assert.Equal("3", await pod.OutputAsync(container));
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Environment_AndWorkingDirectory_AreThoseOfTheRequest(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var container = Requests.Script("look", "pwd; echo $GREETING; echo $PATH");
        container.WorkingDir = "/made/for/this";
        container.Envs.Add(new KeyValue { Key = "GREETING", Value = Google.Protobuf.ByteString.CopyFromUtf8("hello there") });
        Assert.Equal("/made/for/this\nhello there\n/bin", await pod.OutputAsync(container));
    }

    private static SecurityProfile Localhost(string reference) =>
        new() { ProfileType = SecurityProfile.Types.ProfileType.Localhost, LocalhostRef = reference };

    private static async Task<RpcException> RefusedAsync(TestPod pod, ContainerConfig container) =>
        await Assert.ThrowsAsync<RpcException>(() => pod.CreateAsync(container));

    private async Task<string> LookAsync(string handler, string script, Action<LinuxContainerSecurityContext> change)
    {
        await using var pod = await suite.PodAsync(handler);
        var container = Requests.Script("look", script);
        change(container.Linux.SecurityContext);
        return await pod.OutputAsync(container);
    }
}
