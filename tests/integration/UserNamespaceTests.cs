using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Pods whose users are not the host's.</summary>
public sealed class UserNamespaceTests(Suite suite)
{
    private const uint First = 200_000, Length = 65_536;

    private const string Ability = "user namespaces";

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Pod_WithUserNamespace_IsRootInsideAndNobodyOutside(string handler)
    {
        await using var pod = await PodAsync(handler);
        using var volume = new TempFolder();
        volume.File("given", "from the node");
        var container = InPod(Requests.Script("look", """
            id -u; id -g; awk '{print $1, $2, $3}' /proc/self/uid_map /proc/self/gid_map
            stat -c %u /bin/busybox / /etc/hosts /data/given
            echo 'line' >> /etc/hosts && echo more > /data/taken && mkdir /made && touch /made/file && rm -r /made && chown 7:8 /data/taken && echo wrote
            hostname; ip link set lo down && ip link set lo up && echo admin
            mount -t tmpfs none /mnt 2>/dev/null || echo 'no mount'
            """));
        container.Linux.SecurityContext.Capabilities.AddCapabilities.Add("NET_ADMIN");
        container.Mounts.Add(new Mount { HostPath = volume.Path, ContainerPath = "/data", UidMappings = { Ids() }, GidMappings = { Ids() } });
        var id = await pod.StartAsync(container);
        await pod.ExitedAsync(id);

        Assert.Equal(
            $"0\n0\n0 {First} {Length}\n0 {First} {Length}\n0\n0\n0\n0\nwrote\npod\nadmin\nno mount",
            LogLine.Join(pod.Log("look.log"), "stdout").TrimEnd('\n'));
        // On disk the volume's files have the owners that the container gave them, not shifted ones.
        var taken = FileStatus.Find(volume["taken"])!.Value;
        Assert.Equal((7u, 8u), (taken.Uid, taken.Gid));
        var mounted = Assert.Single((await pod.StatusAsync(id)).Mounts);
        Assert.Equal(First, Assert.Single(mounted.UidMappings).HostId);
        Assert.Equal(First, Assert.Single((await pod.StatusAsync()).Linux.Namespaces.Options.UsernsOptions.Uids).HostId);
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Pod_WithUserNamespace_HasItsOwnersOnTheHost(string handler)
    {
        await using var pod = await PodAsync(handler, static c => c.Linux.Sysctls.Add("kernel.msgmax", "9000"));
        var id = await pod.StartAsync(InPod(Requests.Idle()));
        var other = InPod(Requests.Idle("other"));
        other.Linux.SecurityContext.RunAsUser = new() { Value = 1000 };
        var second = await pod.StartAsync(other);

        Assert.Equal((First, First + 1000), (await OwnerAsync(id), await OwnerAsync(second)));
        Assert.Equal("9000\n", (await pod.ExecAsync(id, "cat", "/proc/sys/kernel/msgmax")).Output);
        Assert.Equal("0\n", (await pod.ExecAsync(id, "id", "-u")).Output);
        // Both are in the same namespace, and it is not ours.
        var first = (await pod.ExecAsync(id, "readlink", "/proc/self/ns/user")).Output;
        Assert.Equal(first, (await pod.ExecAsync(second, "readlink", "/proc/self/ns/user")).Output);
        Assert.NotEqual(File.ResolveLinkTarget("/proc/self/ns/user", returnFinalTarget: false)!.Name, Path.GetFileName(first.Trim()));
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Pod_WithUserNamespaceAndSharedPids_SeesItsProcesses(string handler)
    {
        await using var pod = await PodAsync(handler, static c => c.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Pod);
        var container = InPod(Requests.Idle());
        container.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Pod;
        var id = await pod.StartAsync(container);
        Assert.Contains("init", (await pod.ExecAsync(id, "cat", "/proc/1/cmdline")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pod_AfterAKillOfTheGateway_GoesOnInItsNamespace()
    {
        await using var gateway = await suite.OwnGatewayAsync();
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, "runc", AskForUsers);
        var id = await pod.StartAsync(InPod(Requests.Idle()));
        await gateway.KillAsync();
        await gateway.StartAgainAsync();
        Assert.Equal($"0 {First} {Length}\n", (await pod.ExecAsync(id, "awk", "{print $1, $2, $3}", "/proc/self/uid_map")).Output);
        Assert.Equal($"0 {First} {Length}", await pod.OutputAsync(InPod(Requests.Script("next", "awk '{print $1, $2, $3}' /proc/self/uid_map"))));
    }

    [Fact]
    public async Task Container_OfAnotherNamespaceThanItsPod_IsRefused()
    {
        await using var pod = await PodAsync("runc");
        var bare = Requests.Idle();
        Assert.Contains("another user namespace", await RefusedAsync(pod, bare), StringComparison.Ordinal);
        var other = InPod(Requests.Idle());
        other.Linux.SecurityContext.NamespaceOptions.UsernsOptions.Uids[0].HostId = 400_000;
        Assert.Contains("400000", await RefusedAsync(pod, other), StringComparison.Ordinal);
        var outside = InPod(Requests.Idle());
        outside.Linux.SecurityContext.RunAsUser = new() { Value = Length };
        Assert.Contains("65536", await RefusedAsync(pod, outside), StringComparison.Ordinal);
        var volume = InPod(Requests.Idle());
        volume.Mounts.Add(new Mount { HostPath = "/sys", ContainerPath = "/data", Readonly = true, UidMappings = { Ids() }, GidMappings = { Ids() } });
        Assert.Contains("sysfs", await RefusedAsync(pod, volume), StringComparison.Ordinal);
    }

    public static TheoryData<string, Action<PodSandboxConfig>> Wrong => new()
    {
        { "two mappings", static c => c.Linux.SecurityContext.NamespaceOptions.UsernsOptions.Uids.Add(new IDMapping { HostId = 900_000, ContainerId = Length, Length = 1 }) },
        { "no length", static c => c.Linux.SecurityContext.NamespaceOptions.UsernsOptions.Gids[0].Length = 0 },
        { "not from 0", static c => c.Linux.SecurityContext.NamespaceOptions.UsernsOptions.Gids[0].ContainerId = 1 },
        { "no gids", static c => c.Linux.SecurityContext.NamespaceOptions.UsernsOptions.Gids.Clear() },
        { "beyond 2^32", static c => c.Linux.SecurityContext.NamespaceOptions.UsernsOptions.Uids[0].HostId = uint.MaxValue },
        { "host network", static c => c.Linux.SecurityContext.NamespaceOptions.Network = NamespaceMode.Node },
        { "host PIDs", static c => c.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Node },
        { "mode CONTAINER", static c => c.Linux.SecurityContext.NamespaceOptions.UsernsOptions.Mode = NamespaceMode.Container },
    };

    [Theory, MemberData(nameof(Wrong), DisableDiscoveryEnumeration = true)]
    public async Task Pod_WithAWrongMapping_IsRefused(string what, Action<PodSandboxConfig> change)
    {
        var error = await Assert.ThrowsAsync<RpcException>(() => suite.PodAsync("runc", c =>
        {
            AskForUsers(c);
            change(c);
        }));
        Assert.True(error.StatusCode == StatusCode.InvalidArgument, $"{what}: {error.Status}");
        Assert.Contains("userns_options", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pod_OnAHandlerWithoutThem_IsRefused()
    {
        await suite.RequireAsync("rkt");
        var error = await Assert.ThrowsAsync<RpcException>(() => suite.PodAsync("rkt", AskForUsers));
        Assert.Contains("user namespaces, which handler rkt does not have", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_Asked_AdvertisesThemWhereSeen()
    {
        var handlers = (await suite.Client.Runtime.StatusAsync(new())).RuntimeHandlers;
        Assert.True(Assert.Single(handlers, static h => h.Name == "runc").Features.UserNamespaces);
        Assert.All(handlers.Where(static h => h.Name == "rkt"), static h => Assert.False(h.Features.UserNamespaces));
    }

    private static async Task<string> RefusedAsync(TestPod pod, ContainerConfig container) =>
        (await Assert.ThrowsAsync<RpcException>(() => pod.CreateAsync(container))).Status.Detail;

    private async Task<uint> OwnerAsync(string containerId)
    {
        var info = (await suite.Client.Runtime.ContainerStatusAsync(new() { ContainerId = containerId, Verbose = true })).Info["info"];
        using var json = System.Text.Json.JsonDocument.Parse(info);
        return FileStatus.Find($"/proc/{json.RootElement.GetProperty("pid").GetInt32()}")!.Value.Uid;
    }

    private async Task<TestPod> PodAsync(string handler, Action<PodSandboxConfig>? change = null)
    {
        await suite.RequireAsync(handler, Ability);
        return await suite.PodAsync(handler, c =>
        {
            AskForUsers(c);
            change?.Invoke(c);
        });
    }

    private static void AskForUsers(PodSandboxConfig config) => config.Linux.SecurityContext.NamespaceOptions.UsernsOptions = Users();

    private static ContainerConfig InPod(ContainerConfig container)
    {
        container.Linux.SecurityContext.NamespaceOptions.UsernsOptions = Users();
        return container;
    }

    private static UserNamespace Users() => new() { Mode = NamespaceMode.Pod, Uids = { Ids() }, Gids = { Ids() } };

    private static IDMapping Ids() => new() { HostId = First, ContainerId = 0, Length = Length };
}
