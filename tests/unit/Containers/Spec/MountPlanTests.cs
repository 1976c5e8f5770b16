using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Spec;
using Berth.Linux;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

public sealed class MountPlanTests : IDisposable
{
    private readonly TestRootfs _rootfs = new();

    public void Dispose() => _rootfs.Dispose();

    [Fact]
    public void Create_NothingAsked_HasTheDefaultsByDepth() =>
        Assert.Equal(
            ["/proc", "/dev", "/sys", "/dev/pts", "/dev/mqueue", "/dev/shm", "/sys/fs/cgroup"],
            MountPlan.Create(_rootfs.Input()).Mounts.Select(static m => m.Destination));

    [Fact]
    public void Create_PodFiles_FollowTheRootFileSystem()
    {
        var input = _rootfs.Input(TestRootfs.Container(new() { ReadOnlyRootfs = true })) with
        {
            Files = new() { Hosts = "/h", Hostname = "/n", ResolvConf = "/r", Shm = "/s" },
        };

        var mounts = MountPlan.Create(input).Mounts;

        Assert.Equal(["rbind", "rprivate", "ro"], Find(mounts, "/etc/hosts").Options);
        Assert.Equal("/s", Find(mounts, "/dev/shm").Source);
    }

    [Fact]
    public void Create_Privileged_MayWriteToSys()
    {
        var mounts = MountPlan.Create(_rootfs.Input(TestRootfs.Container(new() { Privileged = true }))).Mounts;

        Assert.All(["/sys", "/sys/fs/cgroup"], path => Assert.Contains("rw", Find(mounts, path).Options));
    }

    [Fact]
    public void Create_HostIpc_HasTheHostsSharedMemory() =>
        Assert.Equal(
            "/dev/shm", Find(MountPlan.Create(_rootfs.Input() with { SandboxNamespaces = new() { Ipc = NamespaceMode.Node } }).Mounts, "/dev/shm").Source);

    [Fact]
    public void Create_RequestAtADefaultsPlace_ReplacesIt()
    {
        var input = WithMounts(Mount("/etc//hosts/", _rootfs.Folder), Mount("/dev", "/dev")) with { Files = new() { Hosts = "/h" } };

        var mounts = MountPlan.Create(input).Mounts;

        Assert.Equal(_rootfs.Folder, Find(mounts, "/etc/hosts").Source);
        Assert.DoesNotContain(mounts, static m => m.Destination.StartsWith("/dev/", StringComparison.Ordinal));
    }

    [Fact]
    public void Create_MissingSource_IsAFolderToCreate()
    {
        var missing = Path.Combine(_rootfs.Folder, "a/b");

        var plan = MountPlan.Create(WithMounts(Mount("/data", missing)));

        Assert.Equal([missing], plan.FoldersToCreate);
        Assert.False(Directory.Exists(missing));
        HostFolders.Create(plan.FoldersToCreate);
        Assert.Equal((UnixFileMode)0x1ed, File.GetUnixFileMode(missing));
    }

    [Fact]
    public void HostFolders_FileInTheWay_IsRefused()
    {
        File.WriteAllText(Path.Combine(_rootfs.Folder, "file"), "");

        TestRootfs.Refused(() => HostFolders.Create([Path.Combine(_rootfs.Folder, "file/x")]), RuntimeErrorCode.FailedPrecondition);
    }

    [Fact]
    public void Create_SourceThroughALink_IsResolved()
    {
        var link = Path.Combine(_rootfs.Folder, "link");
        File.CreateSymbolicLink(link, _rootfs.Path);

        Assert.Equal(_rootfs.Path, Find(MountPlan.Create(WithMounts(Mount("/data", link))).Mounts, "/data").Source);
    }

    [Fact]
    public void Create_SourceIsADeadLink_IsRefused()
    {
        var link = Path.Combine(_rootfs.Folder, "link");
        File.CreateSymbolicLink(link, "/nowhere/at/all");

        Refused(RuntimeErrorCode.FailedPrecondition, Mount("/data", link));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("//.")]
    [InlineData("")]
    [InlineData("data")]
    [InlineData("/data/../../etc")]
    [InlineData("/data\0")]
    public void Create_DestinationOutside_IsRefused(string destination) => Refused(RuntimeErrorCode.InvalidArgument, Mount(destination, "/tmp"));

    [Theory]
    [InlineData("")]
    [InlineData("tmp")]
    [InlineData("/tmp/../etc")]
    public void Create_BadSource_IsRefused(string source) => Refused(RuntimeErrorCode.InvalidArgument, Mount("/data", source));

    [Fact]
    public void Create_Propagation_NeedsASharedSource()
    {
        var folder = Path.Combine(_rootfs.Folder, "shared");
        Directory.CreateDirectory(folder);
        Mounts.Bind(folder, folder);
        try
        {
            Mounts.MakePrivate(folder);
            var mount = Mount("/data", folder) with { Propagation = MountPropagation.Bidirectional };
            Assert.Contains("--make-rshared", Refused(RuntimeErrorCode.FailedPrecondition, mount).Message, StringComparison.Ordinal);

            Mounts.MakeShared(folder);
            var plan = MountPlan.Create(WithMounts(mount));
            Assert.Equal("rshared", plan.RootfsPropagation);
            Assert.Equal(["rbind", "rshared", "rw"], Find(plan.Mounts, "/data").Options);
            Assert.Equal("rslave", MountPlan.Create(WithMounts(mount with { Propagation = MountPropagation.HostToContainer })).RootfsPropagation);
        }
        finally
        {
            Mounts.Unmount(folder);
        }
    }

    [Fact]
    public void Create_RecursiveReadOnly_NeedsTheHandler()
    {
        var mount = Mount("/data", "/tmp") with { ReadOnly = true, RecursiveReadOnly = true };

        Assert.Equal(["rbind", "rprivate", "rro"], Find(MountPlan.Create(WithMounts(mount)).Mounts, "/data").Options);
        Refused(RuntimeErrorCode.InvalidArgument, mount with { ReadOnly = false });
        Refused(RuntimeErrorCode.InvalidArgument, mount with { Propagation = MountPropagation.HostToContainer });
        var refused = TestRootfs.Refused(() => MountPlan.Create(WithMounts(mount) with { Features = new() }), RuntimeErrorCode.NotSupported);
        Assert.StartsWith("RROUnsupported", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_WhatIsNotSupported_IsRefused()
    {
        Refused(RuntimeErrorCode.InvalidArgument, Mount("/data", "/tmp") with { UidMappings = [Ids], GidMappings = [Ids] });
        Refused(RuntimeErrorCode.InvalidArgument, Mount("/data", "/tmp") with { Options = ["noexec", "upperdir=/etc"] });
    }

    [Fact]
    public void Create_OwnersMapped_AreMountedByUsFirst()
    {
        var mapped = Mount("/data", "/tmp") with { UidMappings = [Ids], GidMappings = [Ids] };
        var input = WithMounts(Mount("/plain", "/tmp"), mapped) with { SandboxNamespaces = new() { User = new(NamespaceMode.Pod, [Ids], [Ids]) } };

        var plan = MountPlan.Create(input);

        var bind = Assert.Single(plan.MappedBinds);
        Assert.Equal(new MappedBind("/tmp", Path.Combine(input.MappedDirectory, "1")), bind);
        Assert.Equal(bind.Target, Find(plan.Mounts, "/data").Source);
        Assert.Equal("/tmp", Find(plan.Mounts, "/plain").Source);
    }

    [Fact]
    public void Create_InAUserNamespace_RefusesWhatItCannotHave()
    {
        NamespaceModes pod = new() { User = new(NamespaceMode.Pod, [Ids], [Ids]) };
        MountSpec[] wrong =
        [
            Mount("/data", "/tmp") with { UidMappings = [Ids] },
            Mount("/data", "/tmp") with { UidMappings = [Ids], GidMappings = [Ids with { HostId = 1 }] },
            Mount("/data", "/tmp") with { Propagation = MountPropagation.Bidirectional },
        ];
        Assert.All(wrong, m => TestRootfs.Refused(() => MountPlan.Create(WithMounts(m) with { SandboxNamespaces = pod }), RuntimeErrorCode.InvalidArgument));
    }

    [Fact]
    public void Create_ImageVolumes_AreEmptyFoldersWhereTheImageHasNone()
    {
        _rootfs.Write("data/file", "x");
        var input = _rootfs.Input(image: new() { Cmd = ["sh"], Volumes = ["/data", "/new/", "/../../../../var/lib/pki", "/", "/etc/taken"] });
        input = input with { Container = input.Container with { Mounts = [Mount("/etc/taken", "/tmp")] } };

        var plan = MountPlan.Create(input);

        Assert.Equal([Path.Combine(input.VolumesDirectory, "0"), Path.Combine(input.VolumesDirectory, "1")], plan.FoldersToCreate);
        Assert.Equal(plan.FoldersToCreate[1], Find(plan.Mounts, "/var/lib/pki").Source);
        Assert.DoesNotContain(plan.Mounts, static m => m.Destination == "/data");
        Assert.Equal("/tmp", Find(plan.Mounts, "/etc/taken").Source);
    }

    [Fact]
    public void Create_AnyMounts_StayInsideAndComeAfterTheirParents() =>
        Gen.String[Gen.Char["/.ab\0"], 0, 12].Array[0, 5].Sample(paths =>
        {
            try
            {
                var mounts = MountPlan.Create(WithMounts([.. paths.Select(static p => Mount(p, "/tmp"))])).Mounts;
                Assert.All(mounts, static m => Assert.Matches(@"\A(/(?!\.\.?(/|\z))[^/\0]+)+\z", m.Destination));
                var depths = mounts.Select(static m => m.Destination.Count(static c => c == '/')).ToList();
                Assert.Equal(depths.Order(), depths);
            }
            catch (RuntimeException e)
            {
                Assert.Equal(RuntimeErrorCode.InvalidArgument, e.Code);
            }
        });

    private static readonly IdMapping Ids = new(HostId: 100_000, ContainerId: 0, Length: 65_536);

    private static MountSpec Mount(string destination, string source) => new() { ContainerPath = destination, HostPath = source };

    private static OciMount Find(IEnumerable<OciMount> mounts, string destination) => Assert.Single(mounts, m => m.Destination == destination);

    private SpecInput WithMounts(params MountSpec[] mounts) => _rootfs.Input(TestRootfs.Container() with { Mounts = mounts });

    private RuntimeException Refused(RuntimeErrorCode code, MountSpec mount) => TestRootfs.Refused(() => MountPlan.Create(WithMounts(mount)), code);
}
