using Berth.Cri.Protos;
using Berth.Tests.Support;
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

    [Fact]
    public async Task User_ByName_IsLookedUpInTheImage() =>
        Assert.Equal("33\n33\n33 40", await LookAsync("runc", "id -u; id -g; id -G", static s => s.RunAsUsername = "www"));

    [Fact]
    public async Task Groups_Merge_AddsThoseOfTheRequest() =>
        Assert.Equal("33 40 4000", await LookAsync("runc", "id -G", static s =>
        {
            s.RunAsUser = new() { Value = 33 };
            s.SupplementalGroups.Add(4000);
        }));

    [Fact]
    public async Task Groups_Strict_LeavesOutThoseOfTheImage() =>
        Assert.Equal("1000\n1001 4000", await LookAsync("runc", "id -u; id -G", static s =>
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
        var container = Requests.Script("look", "awk '/CapBnd/ {print $2}' /proc/self/status; [ -e /dev/full ] && echo devices; [ -w /sys/kernel/mm ] && touch /sys/kernel 2>/dev/null && echo sys");
        container.Linux.SecurityContext.Privileged = true;
        var output = await pod.OutputAsync(container);
        Assert.StartsWith(ours + "\ndevices", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoNewPrivileges_Asked_IsSet()
    {
        Assert.Equal("1", await LookAsync("runc", "awk '/NoNewPrivs/ {print $2}' /proc/self/status", static s => s.NoNewPrivs = true));
        Assert.Equal("0", await LookAsync("runc", "awk '/NoNewPrivs/ {print $2}' /proc/self/status", static _ => { }));
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Seccomp_RuntimeDefault_Filters(string handler)
    {
        var output = await LookAsync(handler, "awk '/Seccomp:/ {print $2}' /proc/self/status; dmesg >/dev/null 2>&1 && echo read || echo refused",
            static s => s.Seccomp = new() { ProfileType = SecurityProfile.Types.ProfileType.RuntimeDefault });
        Assert.Equal("2\nrefused", output);
    }

    [Fact]
    public async Task Seccomp_Unconfined_DoesNotFilter() =>
        Assert.Equal("0", await LookAsync("runc", "awk '/Seccomp:/ {print $2}' /proc/self/status",
            static s => s.Seccomp = new() { ProfileType = SecurityProfile.Types.ProfileType.Unconfined }));

    [Fact]
    public async Task Seccomp_Localhost_UsesTheFile()
    {
        using var folder = new TempFolder();
        var profile = folder.File("profile.json", """
            {"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}
            """);
        var output = await LookAsync("runc", "mkdir /tmp/x 2>/dev/null && echo made || echo refused",
            s => s.Seccomp = new() { ProfileType = SecurityProfile.Types.ProfileType.Localhost, LocalhostRef = profile });
        Assert.Equal("refused", output);
    }

    [Fact]
    public async Task Paths_MaskedAndReadOnly_AreShielded()
    {
        var output = await LookAsync("runc", "wc -c < /proc/timer_list; touch /proc/sys/kernel/domainname 2>/dev/null && echo written || echo refused", static s =>
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

    private async Task<string> LookAsync(string handler, string script, Action<LinuxContainerSecurityContext> change)
    {
        await using var pod = await suite.PodAsync(handler);
        var container = Requests.Script("look", script);
        change(container.Linux.SecurityContext);
        return await pod.OutputAsync(container);
    }
}
