using System.Text.Json.Nodes;
using Berth.Cri.Protos;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>A handler whose runtime lacks all that one can lack, by its options.</summary>
public sealed class LackingPod(Suite suite) : IAsyncDisposable
{
    private const string Handler = "lacking";
    private Gateway? _gateway;

    public CriClient Client => _gateway!.Client;

    public TestPod Pod { get; private set; } = null!;

    public string Container { get; private set; } = "";

    /// <summary>Starts it once; not when the fixture is made, as only a test can be skipped.</summary>
    public async Task StartAsync()
    {
        await suite.RequireAsync("shim-v2");
        if (_gateway is not null)
        {
            return;
        }

        _gateway = await suite.OwnGatewayAsync(static settings => settings["handlers"]![Handler] = new JsonObject
        {
            ["plugin"] = "shim-v2",
            ["options"] = new JsonObject
            {
                ["runtimeType"] = "io.containerd.runc.v2",
                ["lacks"] = new JsonArray(
                    "hostNamespaces", "sharedPidNamespace", "privileged", "devices", "sysctls", "hugePages", "sharedFolders", "mountPropagation", "mountOptions", "execTerminal", "limitUpdates", "attach"),
            },
        });
        Pod = await RunAsync(static _ => { });
        Container = await Pod.StartAsync(Requests.Idle());
    }

    public Task<TestPod> RunAsync(Action<PodSandboxConfig> change) => TestPod.RunAsync(Client, _gateway!.Logs, Handler, change);

    public async ValueTask DisposeAsync() => await (_gateway?.DisposeAsync() ?? ValueTask.CompletedTask);
}

/// <summary>What a handler declares that it lacks is refused by name, before anything exists.</summary>
public sealed class LackTests(LackingPod lacking) : IClassFixture<LackingPod>, IAsyncLifetime
{
    private static readonly Dictionary<string, Action<PodSandboxConfig>> Pods = new()
    {
        ["host namespaces"] = static p => p.Linux.SecurityContext.NamespaceOptions.Network = NamespaceMode.Node,
        ["a shared PID namespace"] = static p => p.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Pod,
        ["privileged"] = static p => p.Linux.SecurityContext.Privileged = true,
        ["sysctls"] = static p => p.Linux.Sysctls["net.ipv4.ip_unprivileged_port_start"] = "0",
    };

    private static readonly Dictionary<string, Action<ContainerConfig>> Containers = new()
    {
        ["devices of the host"] = static c => c.Devices.Add(new Device { HostPath = "/dev/null", ContainerPath = "/dev/other", Permissions = "rw" }),
        ["huge pages"] = static c => c.Linux.Resources.HugepageLimits.Add(new HugepageLimit { PageSize = "2MB", Limit = 2 << 20 }),
        ["a writable folder of the host"] = static c => c.Mounts.Add(new Mount { HostPath = "/tmp", ContainerPath = "/there" }),
        ["mount options"] = static c => c.Mounts.Add(new Mount { HostPath = "/tmp", ContainerPath = "/there", Readonly = true, MountOptions = { "noexec" } }),
        ["mount propagation"] = static c => c.Mounts.Add(new Mount { HostPath = "/tmp", ContainerPath = "/there", Readonly = true, Propagation = MountPropagation.PropagationHostToContainer }),
    };

    private static readonly Dictionary<string, Func<LackingPod, Task>> Calls = new()
    {
        ["attach"] = static async l => await l.Client.Runtime.AttachAsync(new() { ContainerId = l.Container, Stdout = true }),
        ["exec with a terminal"] = static async l => await l.Client.Runtime.ExecAsync(new() { ContainerId = l.Container, Cmd = { "true" }, Tty = true, Stdin = true, Stdout = true }),
        ["change the limits"] = static async l => await l.Client.Runtime.UpdateContainerResourcesAsync(new() { ContainerId = l.Container, Linux = new() { CpuShares = 512 } }),
    };

    public static TheoryData<string> PodLacks => [.. Pods.Keys];

    public static TheoryData<string> ContainerLacks => [.. Containers.Keys];

    public static TheoryData<string> CallLacks => [.. Calls.Keys];

    public async ValueTask InitializeAsync() => await lacking.StartAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory, MemberData(nameof(PodLacks))]
    public async Task Pod_ThatAsksForWhatIsLacking_IsRefused(string what)
    {
        await RefusedAsync(StatusCode.InvalidArgument, what, () => lacking.RunAsync(Pods[what]));
        Assert.Equal([lacking.Pod.Id], (await lacking.Client.Runtime.ListPodSandboxAsync(new())).Items.Select(static p => p.Id));
    }

    [Theory, MemberData(nameof(ContainerLacks))]
    public async Task Container_ThatAsksForWhatIsLacking_IsRefused(string what)
    {
        var container = Requests.Idle("another");
        Containers[what](container);
        await RefusedAsync(StatusCode.InvalidArgument, what, () => lacking.Pod.CreateAsync(container));
        Assert.Equal([lacking.Container], (await lacking.Client.Runtime.ListContainersAsync(new())).Containers.Select(static c => c.Id));
    }

    [Theory, MemberData(nameof(CallLacks))]
    public async Task Call_OfWhatIsLacking_IsRefused(string what)
    {
        await RefusedAsync(what == "change the limits" ? StatusCode.FailedPrecondition : StatusCode.Unimplemented, what, () => Calls[what](lacking));
        Assert.Equal((0, "alive\n", ""), await lacking.Pod.ExecAsync(lacking.Container, "echo", "alive"));
    }

    private static async Task RefusedAsync(StatusCode code, string what, Func<Task> call)
    {
        var failure = await Assert.ThrowsAsync<RpcException>(call);
        Assert.Equal(code, failure.StatusCode);
        Assert.Contains(what, failure.Status.Detail, StringComparison.Ordinal);
    }
}
