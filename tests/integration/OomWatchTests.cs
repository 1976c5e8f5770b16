using Berth.Linux;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>On cgroup v1 a kill for lack of memory is known though its cgroup was removed before anybody could look.</summary>
public sealed class OomWatchTests
{
    private static readonly CgroupLayout Layout = CgroupLayout.Detect();

    [Theory]
    [InlineData("exec \"$0\" dd if=/dev/zero of=/dev/null bs=64M count=1", true)]
    [InlineData("kill -9 $$", false)]
    [InlineData("exit 0", false)]
    public async Task Removed_AfterItsLastProcess_TellsOfAKill(string script, bool killed)
    {
        Assert.SkipUnless(CgroupOomWatch.IsNeeded(Layout), "memory is counted by cgroup v2 here, whose parents keep the count");
        var cgroup = $"/berth-oom-{Guid.NewGuid():N}";
        var cgroups = new Cgroups(Layout);
        cgroups.Create(cgroup);
        var folder = Layout.Find("memory")!.Folder(cgroup);
        await File.WriteAllTextAsync(folder + "/memory.limit_in_bytes", $"{16 << 20}");
        using var watch = CgroupOomWatch.TryBegin(Layout, cgroup)!;
        using var standing = CgroupOomWatch.TryBegin(Layout, cgroup)!;
        await CommandRunner.RunAsync(
            new Command { Path = "sh", Arguments = ["-c", $"echo $$ > {folder}/cgroup.procs; {script}", Busybox.Path] }, null, 4096, CancellationToken.None);
        Assert.Equal(killed, await standing.WasOutOfMemoryAsync(TimeProvider.System, CancellationToken.None));
        await cgroups.RemoveAsync(cgroup, CancellationToken.None);
        Assert.Equal(killed, await watch.WasOutOfMemoryAsync(TimeProvider.System, CancellationToken.None));
        Assert.Null(CgroupOomWatch.TryBegin(Layout, cgroup));
    }
}
