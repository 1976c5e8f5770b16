using System.Formats.Tar;
using System.Text;
using Berth.Abstractions;
using Berth.Containers.Checkpoints;
using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Containers.Checkpoints;

/// <summary>Archives as they are written, and as somebody hostile would write them.</summary>
public sealed class CheckpointArchiveTests
{
    [Fact]
    public async Task Archive_OfADump_IsReadAgain_WithoutWhatARestoreDoesNotNeed()
    {
        using var folder = new TempFolder();
        var (dump, target) = (Directory.CreateDirectory(Path.Combine(folder.Path, "dump")).FullName, Directory.CreateDirectory(Path.Combine(folder.Path, "target")).FullName);
        Directory.CreateDirectory(Path.Combine(dump, "checkpoint"));
        foreach (var name in (string[])["config.dump", "spec.dump", "status.dump", "status", "bind.mounts", "dump.log", "container.log", "checkpoint/inventory.img", "checkpoint/pages-1.img"])
        {
            File.WriteAllText(Path.Combine(dump, name), name);
        }

        var path = Path.Combine(folder.Path, "a.tar");
        using (var file = UnnamedFile.Create(folder.Path))
        {
            using (var stream = file.Open())
            {
                CheckpointArchive.Write(dump, stream, CancellationToken.None);
            }

            Assert.False(File.Exists(path));
            file.Name("a.tar");
            Assert.Equal(file.Inode, FileStatus.Find(path)!.Value.Inode);
            Assert.True(Assert.Throws<LinuxException>(() => file.Name("a.tar")).IsExisting);
        }

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        await using var source = Open(path);
        Assert.Equal("config.dump", Encoding.UTF8.GetString((await source.ReadAsync("config.dump"))!));
        Assert.Null(await source.ReadAsync("absent"));
        await source.UnpackAsync(target, CancellationToken.None);
        Assert.Equal(
            ["checkpoint/inventory.img", "checkpoint/pages-1.img", "config.dump", "spec.dump"],
            Directory.GetFiles(target, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(target, f)).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("a link in place of a file", "something else than a plain file")]
    [InlineData("a hard link", "something else than a plain file")]
    [InlineData("a device", "something else than a plain file")]
    [InlineData("a file twice", "twice")]
    [InlineData("a climbing name", "climbs")]
    [InlineData("no processes", "lacks")]
    [InlineData("no spec", "lacks")]
    [InlineData("a spec too large", "more than")]
    [InlineData("cut off", "")]
    public async Task Archive_ThatIsHostile_IsRefused(string kind, string why)
    {
        using var folder = new TempFolder();
        var target = Directory.CreateDirectory(Path.Combine(folder.Path, "target")).FullName;
        var path = Path.Combine(folder.Path, "a.tar");
        var good = new[] { TarFile("spec.dump", "{}"), TarFile("checkpoint/inventory.img", "x") };
        WriteTar(path, kind switch
        {
            "a link in place of a file" => [.. good, new PaxTarEntry(TarEntryType.SymbolicLink, "rootfs-diff.tar") { LinkName = "/etc/shadow" }],
            "a hard link" => [.. good, new PaxTarEntry(TarEntryType.HardLink, "checkpoint/pages-1.img") { LinkName = "/etc/shadow" }],
            "a device" => [.. good, new PaxTarEntry(TarEntryType.BlockDevice, "checkpoint/pages-1.img") { DeviceMajor = 8, DeviceMinor = 0 }],
            "a file twice" => [.. good, TarFile("checkpoint/inventory.img", "y")],
            "a climbing name" => [.. good, TarFile("checkpoint/../../escaped", "y")],
            "no processes" => [good[0]],
            "no spec" => [good[1]],
            "a spec too large" => [TarFile("spec.dump", new string(' ', 5 << 20)), good[1]],
            _ => good,
        });
        if (kind == "cut off")
        {
            using var file = File.OpenWrite(path);
            file.SetLength(700);
        }

        await using var source = Open(path);
        var refusal = await Assert.ThrowsAsync<RuntimeException>(() => source.UnpackAsync(target, CancellationToken.None));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, refusal.Code);
        Assert.Contains(why, refusal.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(folder.Path, "escaped")));
    }

    [Fact]
    public async Task Archive_WithMoreThanIsNeeded_LeavesItOut()
    {
        using var folder = new TempFolder();
        var target = Directory.CreateDirectory(Path.Combine(folder.Path, "target")).FullName;
        var path = Path.Combine(folder.Path, "a.tar");
        WriteTar(path,
        [
            TarFile("spec.dump", "{}"), TarFile("checkpoint/inventory.img", "x"), new PaxTarEntry(TarEntryType.SymbolicLink, "container.log") { LinkName = "/etc/shadow" },
            TarFile("checkpoint/sub/file", "x"), TarFile("checkpoint/.hidden", "x"), TarFile("volumes/a", "x"),
        ]);
        await using var source = Open(path);
        await source.UnpackAsync(target, CancellationToken.None);
        Assert.Equal(2, Directory.GetFileSystemEntries(target).Length);
        Assert.Single(Directory.GetFileSystemEntries(Path.Combine(target, "checkpoint")));
    }

    private static ArchiveSource Open(string path)
    {
        using var root = SafeFd.OpenDirectory(Path.GetDirectoryName(path)!);
        return new(FilesAt.OpenRegular(root, Encoding.UTF8.GetBytes(Path.GetFileName(path))), path);
    }

    private static PaxTarEntry TarFile(string name, string content) => new(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content)) };

    private static void WriteTar(string path, IEnumerable<System.Formats.Tar.TarEntry> entries)
    {
        using var file = File.Create(path);
        using var tar = new TarWriter(file, TarEntryFormat.Pax);
        foreach (var entry in entries)
        {
            tar.WriteEntry(entry);
        }
    }
}
