using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Linux;

public sealed class MountTableTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("berth-mounts-").FullName;

    [Fact]
    public void Parse_EscapedPath_IsPlain()
    {
        var entry = MountTable.Parse(@"36 35 98:0 /mnt1 /mnt\0402\134x rw,noatime shared:7 master:1 - ext3 /dev/root rw,errors=continue");
        Assert.Equal(@"/mnt 2\x", entry.MountPoint);
        Assert.True(entry.IsShared && entry.IsSlave);
        Assert.Equal(("ext3", "/dev/root"), (entry.FileSystem, entry.Source));
    }

    [Fact]
    public void UnmountBeneath_Stacked_LeavesNothing()
    {
        var inner = Path.Combine(_folder, "inner");
        Mounts.Tmpfs(_folder, 1 << 20, "0755");
        Directory.CreateDirectory(inner);
        Mounts.Tmpfs(inner, 1 << 20, "0755");
        Mounts.Tmpfs(inner, 1 << 20, "0755");
        Assert.Equal(3, MountTable.Beneath(_folder).Count);
        MountTable.UnmountBeneath(_folder);
        Assert.Empty(MountTable.Beneath(_folder));
    }

    [Fact]
    public void Unmount_NothingThere_Succeeds()
    {
        Mounts.Unmount(_folder);
        Mounts.Unmount(Path.Combine(_folder, "absent"));
    }

    public void Dispose()
    {
        MountTable.UnmountBeneath(_folder);
        Directory.Delete(_folder, recursive: true);
    }
}
