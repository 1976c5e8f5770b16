using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Spec;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

public sealed class NamespacePlanTests : IDisposable
{
    private static readonly Dictionary<string, string> Paths = new() { ["network"] = "/n", ["ipc"] = "/i", ["uts"] = "/u", ["pid"] = "/p" };

    private readonly TestRootfs _rootfs = new();

    public void Dispose() => _rootfs.Dispose();

    [Fact]
    public void Create_Pod_JoinsItsNamespaces() =>
        Assert.Equal(
            [new("pid"), new("network", "/n"), new("ipc", "/i"), new("uts", "/u"), new("mount")],
            NamespacePlan.Create(Input(NamespaceMode.Container), cgroupV2: false));

    [Fact]
    public void Create_HostNamespaces_AreLeftOut()
    {
        var modes = new NamespaceModes { Network = NamespaceMode.Node, Ipc = NamespaceMode.Node, Pid = NamespaceMode.Node };
        var input = Input(NamespaceMode.Node) with { NamespacePaths = new Dictionary<string, string>(), SandboxNamespaces = modes };

        Assert.Equal([new("mount"), new("cgroup")], NamespacePlan.Create(input, cgroupV2: true));
    }

    [Fact]
    public void Create_NamespaceThatTheHandlerOwns_IsNew() =>
        Assert.Equal(
            [new("pid"), new("network"), new("ipc"), new("uts"), new("mount")],
            NamespacePlan.Create(Input(NamespaceMode.Container) with { NamespacePaths = new Dictionary<string, string>() }, cgroupV2: false));

    [Fact]
    public void Create_PidModes_AreResolved()
    {
        Assert.Contains(new("pid", "/p"), NamespacePlan.Create(Input(NamespaceMode.Pod), false));
        Assert.Contains(new("pid", "/t"), NamespacePlan.Create(Input(NamespaceMode.Target) with { TargetPidNamespace = "/t" }, false));
        TestRootfs.Refused(() => NamespacePlan.Create(Input(NamespaceMode.Target), false), RuntimeErrorCode.FailedPrecondition);
        TestRootfs.Refused(() => NamespacePlan.Create(Input(NamespaceMode.Node), false), RuntimeErrorCode.InvalidArgument);
        TestRootfs.Refused(
            () => NamespacePlan.Create(Input(NamespaceMode.Pod) with { NamespacePaths = new Dictionary<string, string>() }, false),
            RuntimeErrorCode.FailedPrecondition);
    }

    [Fact]
    public void Create_UserNamespaceOfThePod_IsJoined()
    {
        var input = Input(NamespaceMode.Container) with
        {
            NamespacePaths = new Dictionary<string, string>(Paths) { ["user"] = "/us" },
            SandboxNamespaces = new() { User = new(NamespaceMode.Pod, [], []) },
        };
        Assert.Contains(new("user", "/us"), NamespacePlan.Create(input, false));
    }

    private SpecInput Input(NamespaceMode pid) =>
        _rootfs.Input(TestRootfs.Container(new() { Namespaces = new() { Pid = pid } })) with { NamespacePaths = Paths };
}
