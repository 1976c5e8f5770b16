using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Spec;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

public sealed class DevicePlanTests : IDisposable
{
    private readonly TestRootfs _rootfs = new();

    public void Dispose() => _rootfs.Dispose();

    [Fact]
    public void Create_NothingAsked_DeniesAll()
    {
        var plan = DevicePlan.Create(TestRootfs.Container());

        Assert.Equal([new(false, "rwm")], plan.Rules);
        Assert.Empty(plan.Nodes);
    }

    [Fact]
    public void Create_Node_IsMadeAndAllowed()
    {
        var plan = Plan(new("/dev/zero", "/dev/mine", "rw"));

        var node = Assert.Single(plan.Nodes);
        Assert.Equal(("c", "/dev/mine", 1u, 5u), (node.Type, node.Path, node.Major, node.Minor));
        Assert.Equal([new(false, "rwm"), new(true, "rw", "c", 1, 5)], plan.Rules);
    }

    [Fact]
    public void Create_Folder_HasAllNodesBeneath()
    {
        var folder = Path.Combine(_rootfs.Folder, "nodes");
        Directory.CreateDirectory(Path.Combine(folder, "sub"));
        File.WriteAllText(Path.Combine(folder, "plain"), "");
        File.CreateSymbolicLink(Path.Combine(folder, "link"), "/dev/null");

        TestRootfs.Refused(() => Plan(new(folder, "/dev/x", "r")), RuntimeErrorCode.InvalidArgument);
        var plan = Plan(new("/dev/net", "/dev/mynet", "r"));
        Assert.Contains(plan.Nodes, static n => n.Path == "/dev/mynet/tun");
    }

    [Theory]
    [InlineData("/dev/zero", "rx", RuntimeErrorCode.InvalidArgument)]
    [InlineData("/dev/zero", "rr", RuntimeErrorCode.InvalidArgument)]
    [InlineData("/etc/passwd", "r", RuntimeErrorCode.InvalidArgument)]
    [InlineData("dev/zero", "r", RuntimeErrorCode.InvalidArgument)]
    [InlineData("/dev/../etc", "r", RuntimeErrorCode.InvalidArgument)]
    [InlineData("/dev/no-such-device", "r", RuntimeErrorCode.FailedPrecondition)]
    public void Create_BadDevice_IsRefused(string path, string permissions, RuntimeErrorCode code) =>
        TestRootfs.Refused(() => Plan(new(path, path, permissions)), code);

    [Fact]
    public void Create_Privileged_HasTheHostsNodesAndNoRule()
    {
        var plan = DevicePlan.Create(TestRootfs.Container(new() { Privileged = true }));

        Assert.Equal([new(true, "rwm")], plan.Rules);
        Assert.Contains(plan.Nodes, static n => n.Path == "/dev/null");
        Assert.DoesNotContain(plan.Nodes, static n => n.Path.StartsWith("/dev/pts/", StringComparison.Ordinal) || n.Path == "/dev/console");
    }

    private static DevicePlan Plan(DeviceSpec device) => DevicePlan.Create(TestRootfs.Container() with { Devices = [device] });
}
