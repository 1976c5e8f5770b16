using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Spec;
using Berth.Linux;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

public sealed class PodUserIdsTests : IDisposable
{
    private static readonly IdMapping Ids = new(HostId: 100_000, ContainerId: 0, Length: 1000);

    private static readonly UserNamespaceSpec Mapped = new(NamespaceMode.Pod, [Ids], [Ids]);

    private readonly TestRootfs _rootfs = new();

    public void Dispose() => _rootfs.Dispose();

    [Fact]
    public void CheckSame_TheSameOrNone_Passes()
    {
        CheckSame(null, null);
        CheckSame(new(NamespaceMode.Node, [], []), null);
        CheckSame(Mapped, new(NamespaceMode.Pod, [Ids with { }], [Ids]));
    }

    [Fact]
    public void CheckSame_Different_ShowsBoth()
    {
        var failure = TestRootfs.Refused(
            () => CheckSame(Mapped, new(NamespaceMode.Pod, [Ids], [Ids with { HostId = 200_000 }])), RuntimeErrorCode.InvalidArgument);
        Assert.Contains("0-999 as 200000-200999", failure.Message, StringComparison.Ordinal);
        TestRootfs.Refused(() => CheckSame(null, Mapped), RuntimeErrorCode.InvalidArgument);
        TestRootfs.Refused(() => CheckSame(Mapped, null), RuntimeErrorCode.InvalidArgument);
        TestRootfs.Refused(() => CheckSame(new(NamespaceMode.Node, [], []), Mapped), RuntimeErrorCode.InvalidArgument);
    }

    [Fact]
    public void Build_IdsThatTheNamespaceLacks_AreRefusedByName()
    {
        Assert.Equal(999u, Build(new() { RunAsUser = 999, RunAsGroup = 999 }).User.Uid);
        Assert.Contains("user 1000", Refused(new() { RunAsUser = 1000 }).Message, StringComparison.Ordinal);
        Assert.Contains("group 4000", Refused(new() { RunAsUser = 1, SupplementalGroups = [4000] }).Message, StringComparison.Ordinal);
        Assert.Contains("group 1000", Refused(new() { RunAsUser = 1, RunAsGroup = 1000 }).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Build_UserNamespace_HasPathAndMappings()
    {
        var linux = Build(new()).Spec.Linux;
        Assert.Contains(new("user", "/us"), linux.Namespaces);
        Assert.Equal([new(0, 100_000, 1000)], linux.UidMappings!);
        Assert.Equal([new(0, 100_000, 1000)], linux.GidMappings!);
        Assert.Null(TestRootfs.Build(_rootfs.Input()).Spec.Linux.UidMappings);
    }

    [Fact]
    public void ToOutside_AnyId_IsInTheRangeOrNobody() =>
        Gen.Select(Gen.UInt, Gen.UInt, Gen.UInt[1, 1 << 16], Gen.UInt).Sample((inside, outside, length, id) =>
        {
            (inside, outside) = (inside >> 1, outside >> 1);
            var range = new IdRange(inside, outside, length);
            var mapped = range.ToOutside(id);
            Assert.True(range.Contains(id) ? mapped - outside == id - inside && mapped - outside < length : mapped == 65534);
        });

    private static void CheckSame(UserNamespaceSpec? container, UserNamespaceSpec? sandbox) =>
        PodUserIds.CheckSame(TestRootfs.Container(new() { Namespaces = new() { User = container } }), new() { User = sandbox });

    private RuntimeException Refused(SecurityContext security) => TestRootfs.Refused(() => Build(security), RuntimeErrorCode.InvalidArgument);

    private SpecResult Build(SecurityContext security) => TestRootfs.Build(_rootfs.Input(TestRootfs.Container(security)) with
    {
        SandboxNamespaces = new() { User = Mapped },
        NamespacePaths = new Dictionary<string, string> { ["user"] = "/us" },
    });
}
