using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Cdi;
using Berth.Containers.Spec;
using Berth.Tests.Unit.Containers.Spec;
using Xunit;

namespace Berth.Tests.Unit.Containers.Cdi;

public sealed class CdiInjectionTests : IDisposable
{
    private readonly TestRootfs _rootfs = new();

    public void Dispose() => _rootfs.Dispose();

    [Fact]
    public void Apply_Nothing_ChangesNothing()
    {
        var result = TestRootfs.Build(_rootfs.Input());
        Assert.Same(result, CdiInjection.Apply(result, [], _rootfs.Input(), TestRootfs.Host));
    }

    [Fact]
    public void Apply_Edits_AreInTheSpec()
    {
        var result = Apply(
            new() { Env = ["PATH=/gpu", "NEW=1"], AdditionalGids = [0, 44], Hooks = [new() { HookName = "poststop", Path = "/bin/true", Args = ["true"] }] },
            new() { Mounts = [new() { HostPath = "/tmp", ContainerPath = "/dev/shm/x", Options = ["ro"] }, new() { HostPath = "/tmp", ContainerPath = "/sys" }] });

        Assert.Contains("PATH=/gpu", result.Spec.Process.Env);
        Assert.Single(result.Spec.Process.Env, static e => e.StartsWith("PATH=", StringComparison.Ordinal));
        Assert.Equal("NEW=1", result.Spec.Process.Env[^1]);
        Assert.Equal([0u, 44u], result.Spec.Process.User.AdditionalGids);
        Assert.Equal([0u, 44u], result.User.SupplementalGroups);
        Assert.Equal("/bin/true", Assert.Single(result.Spec.Hooks!.Poststop!).Path);
        Assert.Null(result.Spec.Hooks.Prestart);
        Assert.Equal(["rbind", "ro"], Find(result, "/dev/shm/x").Options);
        Assert.Equal("/tmp", Find(result, "/sys").Source);
        var order = result.Spec.Mounts.Select(static m => m.Destination).ToList();
        Assert.True(order.IndexOf("/dev/shm") < order.IndexOf("/dev/shm/x"));
    }

    [Fact]
    public void Apply_DeviceNodes_AreCompletedFromTheHost()
    {
        var linux = Apply(new CdiEdits
        {
            DeviceNodes =
            [
                new() { Path = "/dev/own", HostPath = "/dev/null" },
                new() { Path = "/dev/full", Permissions = "r", Uid = 7, Gid = 8, FileMode = 0b110_000_000 },
                new() { Path = "/dev/described", Type = "b", Major = 250, Minor = 3, Permissions = "none" },
            ],
        }).Spec.Linux;

        Assert.Equal(("c", 1u, 3u), Node(linux, "/dev/own"));
        Assert.Equal(("c", 1u, 7u), Node(linux, "/dev/full"));
        Assert.Equal(("b", 250u, 3u), Node(linux, "/dev/described"));
        Assert.Contains(new(true, "rwm", "c", 1, 3), linux.Resources.Devices!);
        Assert.Contains(new(true, "r", "c", 1, 7), linux.Resources.Devices!);
        Assert.DoesNotContain(linux.Resources.Devices!, static r => r.Major == 250);
        Assert.Equal((7u, 8u), (linux.Devices!.Single(static d => d.Path == "/dev/full").Uid, linux.Devices!.Single(static d => d.Path == "/dev/full").Gid));
    }

    [Fact]
    public void Apply_WhatIsNotThere_IsRefusedByName()
    {
        Assert.Contains("/dev/no-such", Refused(new() { DeviceNodes = [new() { Path = "/dev/no-such" }] }), StringComparison.Ordinal);
        Assert.Contains("type b", Refused(new() { DeviceNodes = [new() { Path = "/dev/null", Type = "b" }] }), StringComparison.Ordinal);
        Assert.Contains("/etc/hostname", Refused(new() { DeviceNodes = [new() { Path = "/etc/hostname" }] }), StringComparison.Ordinal);
        Assert.Contains("/no/such", Refused(new() { Mounts = [new() { HostPath = "/no/such", ContainerPath = "/x" }] }), StringComparison.Ordinal);
        Assert.Contains("resctrl", Refused(new() { IntelRdt = new() { ClosID = "gold" } }), StringComparison.Ordinal);
    }

    [Fact]
    public void Apply_InAUserNamespace_MapsItsBinds()
    {
        IdMapping ids = new(100_000, 0, 65_536);
        var input = _rootfs.Input() with { SandboxNamespaces = new() { User = new(NamespaceMode.Pod, [ids], [ids]) } };
        var result = CdiInjection.Apply(
            TestRootfs.Build(input), [new() { Mounts = [new() { HostPath = "/tmp", ContainerPath = "/x" }] }], input, TestRootfs.Host);
        var bind = Assert.Single(result.MappedBinds);
        Assert.Equal(("/tmp", bind.Target), (bind.Source, Find(result, "/x").Source));
    }

    [Fact]
    public void Names_FieldAndAnnotations_AreTakenOnce()
    {
        var container = TestRootfs.Container() with
        {
            CdiDevices = ["a.b/c=0"],
            Annotations = new Dictionary<string, string> { ["cdi.k8s.io/two"] = "a.b/c=2", ["cdi.k8s.io/one"] = "a.b/c=0,a.b/c=1", ["other"] = "a.b/c=9" },
        };
        Assert.Equal(["a.b/c=0", "a.b/c=1", "a.b/c=2"], CdiRequest.Names(container));
    }

    [Fact]
    public void Check_WhatTheHandlerWouldNotDo_IsRefused()
    {
        TestRootfs.Refused(() => CdiRequest.Check([new() { Hooks = [new()] }], "c", "rkt", new() { Devices = true }), RuntimeErrorCode.InvalidArgument);
        TestRootfs.Refused(
            () => CdiRequest.Check([new() { NetDevices = [new() { HostInterfaceName = "eth5", Name = "x" }] }], "c", "runc", new() { Hooks = true }), RuntimeErrorCode.FailedPrecondition);
    }

    private static (string Type, uint Major, uint Minor) Node(OciLinux linux, string path)
    {
        var node = Assert.Single(linux.Devices!, d => d.Path == path);
        return (node.Type, node.Major, node.Minor);
    }

    private static OciMount Find(SpecResult result, string destination) => Assert.Single(result.Spec.Mounts, m => m.Destination == destination);

    private SpecResult Apply(params CdiEdits[] edits) => CdiInjection.Apply(TestRootfs.Build(_rootfs.Input()), edits, _rootfs.Input(), TestRootfs.Host);

    private string Refused(CdiEdits edits) => TestRootfs.Refused(() => Apply(edits), RuntimeErrorCode.FailedPrecondition).Message;
}
