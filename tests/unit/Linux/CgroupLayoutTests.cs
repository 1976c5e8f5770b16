using Berth.Linux;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Linux;

public sealed class CgroupLayoutTests
{
    [Fact]
    public void Parse_Hybrid_HasV1ControllersAndUnified()
    {
        var layout = Parse(
            "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,cpu,cpuacct 0 0",
            "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0",
            "cgroup /sys/fs/cgroup/systemd cgroup rw,xattr,name=systemd 0 0",
            "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0",
            "cgroup /other/memory cgroup rw,memory 0 0");

        Assert.Equal(CgroupMode.Hybrid, layout.Mode);
        Assert.Equal("/sys/fs/cgroup/cpu,cpuacct/a/b", layout.Find("cpuacct")!.Folder("/a/b"));
        Assert.Equal("/sys/fs/cgroup/memory", layout.Find("memory")!.Folder("/"));
        Assert.Equal("/sys/fs/cgroup/unified", layout.Unified!.MountPoint);
    }

    [Fact]
    public void Parse_V2_ReadsControllers()
    {
        var layout = CgroupLayout.Parse(["cgroup2 /sys/fs/cgroup cgroup2 rw 0 0"], static _ => "cpu memory pids\n");

        Assert.Equal(CgroupMode.V2, layout.Mode);
        Assert.True(layout.Find("memory")!.IsV2);
    }

    [Fact]
    public void Parse_NamedV1BesideV2_IsV2() =>
        Assert.Equal(CgroupMode.V2, Parse("cgroup /s cgroup rw,name=systemd 0 0", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0").Mode);

    [Theory]
    [InlineData("a.slice", "/a.slice")]
    [InlineData("a-b.slice", "/a.slice/a-b.slice")]
    [InlineData("kubepods-burstable-pod1_2.slice", "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice")]
    [InlineData("-.slice", "/")]
    public void ExpandSlice_Name_IsItsPath(string slice, string path) => Assert.Equal(path, SystemdCgroups.ExpandSlice(slice));

    [Theory]
    [InlineData("")]
    [InlineData(".slice")]
    [InlineData("a.service")]
    [InlineData("a--b.slice")]
    [InlineData("-a.slice")]
    [InlineData("a-.slice")]
    [InlineData("a/b.slice")]
    [InlineData("a b.slice")]
    public void ExpandSlice_NoSlice_IsRefused(string slice) => Assert.Throws<FormatException>(() => SystemdCgroups.ExpandSlice(slice));

    [Fact]
    public void ExpandSlice_AnyText_NeverClimbs() => Gen.String[Gen.Char["ab-./\n"], 0, 12].Sample(static text =>
    {
        try
        {
            Assert.DoesNotContain("..", SystemdCgroups.ExpandSlice(text + ".slice").Split('/'));
        }
        catch (FormatException)
        {
            // Refused.
        }
    });

    private static CgroupLayout Parse(params string[] mounts) => CgroupLayout.Parse(mounts, static _ => "");
}
