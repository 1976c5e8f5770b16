using System.Formats.Tar;
using System.Text;
using Berth.Linux;
using Berth.Plugins.Docker;
using Xunit;

namespace Berth.Tests.Unit.Linux;

public sealed class FolderTarTests
{
    [Fact]
    public void Write_OfALayer_GivesTheImageFormatBack()
    {
        using var folder = new TempFolder();
        var layer = Directory.CreateDirectory(Path.Combine(folder.Path, "layer")).FullName;
        var longName = new string('n', 150);
        Directory.CreateDirectory(Path.Combine(layer, "dir"));
        File.WriteAllText(Path.Combine(layer, "dir", longName), new string('x', 1000));
        File.CreateSymbolicLink(Path.Combine(layer, "link"), "dir/target");
        using (var root = SafeFd.OpenDirectory(layer))
        {
            FilesAt.CreateHardLink(root, "link"u8, root, "second"u8);
            FilesAt.CreateNode(root, "removed"u8, FileKind.CharacterDevice, 0, 0);
            FilesAt.SetOwner(root, "dir"u8, 3_000_000, 12);
            FilesAt.SetMode(root, "dir"u8, 0x3FD);
            Assert.True(ExtendedAttributes.TrySet(root, "dir"u8, "trusted.overlay.opaque"u8, "y"u8));
            Assert.True(ExtendedAttributes.TrySet(root, "dir"u8, "user.key"u8, [0xFF, 0x00, 0x7F]));
        }

        using var archive = new MemoryStream();
        FolderTar.Write(layer, archive, CancellationToken.None);
        Assert.Equal(0, archive.Length % TarArchive.Block);
        Assert.True(archive.GetBuffer().AsSpan(0, (int)archive.Length).IndexOf((byte[])[.. "SCHILY.xattr.user.key="u8, 0xFF, 0x00, 0x7F, (byte)'\n']) > 0);
        archive.Position = 0;
        var entries = new Dictionary<string, System.Formats.Tar.TarEntry>();
        using (var reader = new TarReader(archive))
        {
            while (reader.GetNextEntry(copyData: true) is { } entry)
            {
                entries[entry.Name] = entry;
            }
        }

        Assert.Equal((3_000_000, 12, (UnixFileMode)0x3FD), (entries["dir/"].Uid, entries["dir/"].Gid, entries["dir/"].Mode));
        Assert.Equal(1000, entries[$"dir/{longName}"].Length);
        Assert.Contains("dir/.wh..wh..opq", entries.Keys);
        Assert.Contains(".wh.removed", entries.Keys);
        Assert.Equal("dir/target", entries["link"].LinkName);
        Assert.Equal((TarEntryType.HardLink, "link"), (entries["second"].EntryType, entries["second"].LinkName));
    }

    [Fact]
    public void Write_OfTheSameFolderTwice_GivesTheSameBytes()
    {
        using var folder = new TempFolder();
        var layer = Directory.CreateDirectory(Path.Combine(folder.Path, "layer")).FullName;
        foreach (var name in (string[])["b", "a", "c"])
        {
            File.WriteAllText(Path.Combine(layer, name), name);
        }

        Assert.Equal(Digest(layer), Digest(layer));
    }

    [Fact]
    public void Header_WithARecord_CountsItsOwnLength()
    {
        using var target = new MemoryStream();
        // "99 SCHILY..." would be 100 bytes long with a third digit: the length counts itself.
        foreach (var size in Enumerable.Range(60, 60))
        {
            target.SetLength(0);
            TarArchive.Write(target, new() { Name = "f"u8.ToArray(), Kind = '0', Attributes = [new("user.a"u8.ToArray(), Encoding.ASCII.GetBytes(new string('v', size)))] });
            target.Position = 0;
            using var reader = new TarReader(target, leaveOpen: true);
            var entry = Assert.IsType<PaxTarEntry>(reader.GetNextEntry());
            Assert.Equal(size, entry.ExtendedAttributes["SCHILY.xattr.user.a"].Length);
        }
    }

    private static string Digest(string layer)
    {
        using var measure = new MeasuringStream();
        FolderTar.Write(layer, measure, CancellationToken.None);
        return measure.Digest();
    }

    [Fact]
    public void WriteChanges_OfAWritableLayer_TellsMarks_AndLeavesOutWhatIsMounted()
    {
        using var folder = new TempFolder();
        var layer = Directory.CreateDirectory(Path.Combine(folder.Path, "layer")).FullName;
        Directory.CreateDirectory(Path.Combine(layer, "new"));
        Directory.CreateDirectory(Path.Combine(layer, "mounted"));
        File.WriteAllText(Path.Combine(layer, "new", "file"), "x");
        File.WriteAllText(Path.Combine(layer, "mounted", "file"), "x");
        using (var root = SafeFd.OpenDirectory(layer))
        {
            FilesAt.CreateNode(root, "removed"u8, FileKind.CharacterDevice, 0, 0);
            Assert.True(ExtendedAttributes.TrySet(root, "new"u8, "trusted.overlay.opaque"u8, "y"u8));
        }

        using var archive = new MemoryStream();
        var changes = FolderTar.WriteChanges(layer, archive, static p => p == "/mounted", CancellationToken.None);
        archive.Position = 0;
        using var reader = new TarReader(archive);
        Assert.Equal(("new/", "new/file", null), (reader.GetNextEntry()!.Name, reader.GetNextEntry()!.Name, reader.GetNextEntry()?.Name));
        Assert.Equal(["/removed"], changes.Hidden);
        Assert.Equal(["/new"], changes.Opaque);
    }
}
