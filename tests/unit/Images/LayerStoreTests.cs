using System.Text;
using Berth.Abstractions;
using Berth.Images;
using Berth.Images.Layers;
using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Images;

public sealed class LayerStoreTests
{
    [Fact]
    public async Task Unpack_AllKindsOfEntries_AreMade()
    {
        await using var store = new StoreFixture();
        var capability = Encoding.Latin1.GetString([1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

        var layer = (await store.UnpackAsync(new TarBuilder()
            .Folder("./", mode: 0x1E9)
            .Folder("bin", mode: 0x5ED, uid: 7, modified: 5_000)
            .Pax(("SCHILY.xattr.security.capability", capability), ("SCHILY.xattr.user.note", "hello"), ("SCHILY.xattr.trusted.overlay.opaque", "y"))
            .File("bin/su", "setuid", mode: 0x9ED, uid: 12, gid: 34, modified: 1234)
            .HardLink("bin/su2", "/bin/su")
            .Symlink("bin/sh", "/absolute/is/only/text")
            .Device("null", '3', 1, 3)
            .Device("pipe", '6', 0, 0)
            .Entry('0', "latin\xE9", content: [1])
            .ToArray()))[0];

        using var root = SafeFd.OpenDirectory(layer);
        using var bin = FilesAt.OpenFolder(root, "bin"u8);
        var su = FilesAt.Status(bin, "su"u8)!.Value;
        Assert.Equal((0x9ED, 12u, 34u, 1234L, 2u), (su.Mode, su.Uid, su.Gid, su.Modified.Seconds, su.Links));
        Assert.NotNull(ExtendedAttributes.Get(bin, "su"u8, "security.capability"u8));
        Assert.Equal("hello"u8.ToArray(), ExtendedAttributes.Get(bin, "su"u8, "user.note"u8));
        Assert.Null(ExtendedAttributes.Get(bin, "su"u8, "trusted.overlay.opaque"u8));
        var folder = FilesAt.Status(bin, [])!.Value;
        Assert.Equal((0x5ED, 7u, 5_000L), (folder.Mode, folder.Uid, folder.Modified.Seconds));
        Assert.Equal("/absolute/is/only/text"u8.ToArray(), FilesAt.LinkTarget(bin, "sh"u8));
        Assert.Equal(FileKind.CharacterDevice, FilesAt.Status(root, "null"u8)!.Value.Kind);
        Assert.Equal(FileKind.Fifo, FilesAt.Status(root, "pipe"u8)!.Value.Kind);
        Assert.NotNull(FilesAt.Status(root, [.. "latin"u8, 0xE9]));
        Assert.Equal(0x1E9, FilesAt.Status(root, [])!.Value.Mode);
    }

    [Fact]
    public async Task Unpack_Whiteouts_AreOverlayMarks()
    {
        await using var store = new StoreFixture();

        var layers = await store.UnpackAsync(
            new TarBuilder().Folder("a").File("a/gone").File("a/stays").Folder("b").File("b/hidden").ToArray(),
            new TarBuilder().Folder("a").File("a/.wh.gone").Folder("b").File("b/.wh..wh..opq").File("b/new").File("x").File(".wh.x").ToArray());

        using var root = SafeFd.OpenDirectory(layers[1]);
        using var a = FilesAt.OpenFolder(root, "a"u8);
        Assert.True(FilesAt.Status(a, "gone"u8)!.Value.IsWhiteout);
        using var b = FilesAt.OpenFolder(root, "b"u8);
        Assert.Equal("y"u8.ToArray(), ExtendedAttributes.Get(b, [], Whiteout.OpaqueAttribute));
        Assert.Equal(FileKind.Regular, FilesAt.Status(root, "x"u8)!.Value.Kind);
    }

    [Fact]
    public async Task Unpack_FilesBeneathALowerLink_GoBehindIt()
    {
        await using var store = new StoreFixture();

        var layers = await store.UnpackAsync(
            new TarBuilder().Folder("usr").Folder("usr/lib", mode: 0x1C0, uid: 9).Symlink("lib", "usr/lib").ToArray(),
            new TarBuilder().File("other").ToArray(),
            new TarBuilder().File("lib/x/new.so", "library").File("lib/.wh.old.so").ToArray());

        Assert.Equal("library", File.ReadAllText(Path.Combine(layers[2], "usr/lib/x/new.so")));
        Assert.False(Path.Exists(Path.Combine(layers[2], "lib")));
        using var root = SafeFd.OpenDirectory(layers[2]);
        using var lib = FilesAt.OpenFolder(root, "usr/lib"u8);
        Assert.Equal((0x1C0, 9u), (FilesAt.Status(lib, [])!.Value.Mode, FilesAt.Status(lib, [])!.Value.Uid));
        Assert.True(FilesAt.Status(lib, "old.so"u8)!.Value.IsWhiteout);
    }

    [Fact]
    public async Task Unpack_HardLinkIntoLowerLayer_IsACopy()
    {
        await using var store = new StoreFixture();

        var layers = await store.UnpackAsync(
            new TarBuilder().Folder("d", mode: 0x1C0).File("d/target", "content", mode: 0x180, uid: 5).ToArray(),
            new TarBuilder().HardLink("d/link", "d/target").ToArray());

        Assert.Equal("content", File.ReadAllText(Path.Combine(layers[1], "d/link")));
        using var root = SafeFd.OpenDirectory(layers[1]);
        using var d = FilesAt.OpenFolder(root, "d"u8);
        Assert.Equal(5u, FilesAt.Status(d, "link"u8)!.Value.Uid);
        Assert.Equal(0x1C0, FilesAt.Status(d, [])!.Value.Mode);
    }

    [Fact]
    public async Task Unpack_SparseFile_StaysSparse()
    {
        await using var store = new StoreFixture();

        var layer = (await store.UnpackAsync(new TarBuilder()
            .Pax(("GNU.sparse.map", "1048576,4"), ("GNU.sparse.realsize", "20000000000"), ("GNU.sparse.name", "big")).File("x", "data").ToArray()))[0];

        using var root = SafeFd.OpenDirectory(layer);
        var status = FilesAt.Status(root, "big"u8)!.Value;
        Assert.Equal(20_000_000_000, status.SizeBytes);
        Assert.InRange(status.AllocatedBytes, 1, 65536);
    }

    public static TheoryData<string, byte[]> Hostile => new()
    {
        { "../escaped", new TarBuilder().File("../escaped").ToArray() },
        { "deep climb", new TarBuilder().File("a/../../escaped").ToArray() },
        { "absolute link", new TarBuilder().Symlink("a", "/").File("a/escaped").ToArray() },
        { "climbing link", new TarBuilder().Symlink("a", "../../../..").File("a/tmp/escaped").ToArray() },
        { "link chain", new TarBuilder().Symlink("a", "b").Symlink("b", "/tmp").File("a/escaped").ToArray() },
        { "folder through link", new TarBuilder().Symlink("a", "/tmp").Folder("a/escaped").ToArray() },
        { "whiteout through link", new TarBuilder().Symlink("a", "/").File("a/.wh.tmp").ToArray() },
        { "opaque through link", new TarBuilder().Symlink("a", "/").File("a/.wh..wh..opq").ToArray() },
        { "hard link out", new TarBuilder().HardLink("h", "../../etc/passwd").ToArray() },
        { "hard link through link", new TarBuilder().Symlink("a", "/etc").HardLink("h", "a/passwd").ToArray() },
        { "hard link to nothing", new TarBuilder().HardLink("h", "etc/passwd").ToArray() },
        { "hard link to folder", new TarBuilder().Folder("d").HardLink("h", "d").ToArray() },
        { "beneath a file", new TarBuilder().File("f").File("f/x").ToArray() },
        { "root as a link", new TarBuilder().Symlink("./", "/").ToArray() },
        { "whiteout of .", new TarBuilder().File(".wh..").ToArray() },
        { "whiteout of ..", new TarBuilder().File("a/.wh...").ToArray() },
        { "whiteout of nothing", new TarBuilder().File(".wh.").ToArray() },
        { "within a whiteout", new TarBuilder().File(".wh.a/b").ToArray() },
        { "whiteout device", new TarBuilder().Device("d", '3', 0, 0).ToArray() },
        { "name too long", new TarBuilder().Pax(("path", new string('a', 300))).File("x").ToArray() },
        { "path too long", new TarBuilder().Pax(("path", string.Join('/', Enumerable.Repeat("abcdefg", 600)))).File("x").ToArray() },
        { "NUL in a name", new TarBuilder().Pax(("path", "a\0b")).File("x").ToArray() },
        { "unknown type", new TarBuilder().Entry('Z', "x").ToArray() },
        { "cut off", new TarBuilder().File("x", new string('x', 3000)).ToArray()[..1500] },
        { "not an archive", Encoding.ASCII.GetBytes(new string('x', 2000)) },
        { "bzip2", Encoding.ASCII.GetBytes("BZh91AY&SY") },
        { "negative owner", new TarBuilder().Pax(("uid", "-1")).File("x").ToArray() },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public async Task Unpack_HostileLayer_IsRefusedAndLeavesNothing(string name, byte[] archive)
    {
        Assert.NotEmpty(name);
        await using var store = new StoreFixture();

        var error = await Assert.ThrowsAsync<RuntimeException>(() => store.UnpackAsync(archive));

        Assert.Equal(RuntimeErrorCode.InvalidArgument, error.Code);
        Assert.Contains(Digest.Of(archive).Value, error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(store.Folders.Layers));
        Assert.False(Path.Exists("/tmp/escaped"));
        Assert.Equal(0, store.Database.Read(static c => c.Query("SELECT count(*) FROM layers", static r => r.GetInt32(0)))[0]);
        Assert.Single(await store.UnpackAsync(new TarBuilder().File("works").ToArray()));
    }

    [Fact]
    public async Task Unpack_RelativeLinkWithinTheLayer_IsFollowed()
    {
        await using var store = new StoreFixture();
        var layer = (await store.UnpackAsync(new TarBuilder().Folder("usr/lib").Symlink("lib", "usr/lib").File("lib/x", "y").Folder("lib/d", mode: 0x1C7).ToArray()))[0];
        Assert.Equal("y", File.ReadAllText(Path.Combine(layer, "usr/lib/x")));
        Assert.Equal(0x1C7, (int)File.GetUnixFileMode(Path.Combine(layer, "usr/lib/d")));
    }

    [Fact]
    public async Task Unpack_DeepImpliedFolders_AreMade()
    {
        await using var store = new StoreFixture();
        var path = string.Join('/', Enumerable.Repeat("a", 1500));
        var layer = (await store.UnpackAsync(new TarBuilder().Pax(("path", path)).File("x", "deep").ToArray()))[0];
        Assert.InRange(FileTree.Usage(layer).Inodes, 100, 1502);
        FileTree.Delete(layer);
        Assert.False(Directory.Exists(layer));
    }

    [Fact]
    public async Task Unpack_EqualLayersAtOnce_AreOne()
    {
        await using var store = new StoreFixture();
        var archive = new TarBuilder().File("f", new string('x', 100_000)).ToArray();

        var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => store.UnpackAsync(archive)));

        Assert.Single(results.Select(static r => r[0]).Distinct());
    }

    [Fact]
    public async Task Recover_HalfMadeLayer_IsSwept()
    {
        var first = new StoreFixture();
        await first.UnpackAsync(new TarBuilder().File("unused").ToArray());
        first.Database.Write(static c => c.Execute("INSERT INTO layers (chain_id, diff_id, complete) VALUES ('sha256:x', 'sha256:x', 0)"));
        Directory.CreateDirectory(Path.Combine(first.Folders.Layers, "2", "fs"));
        Directory.CreateDirectory(Path.Combine(first.Folders.Layers, "77", "fs"));
        File.WriteAllText(Path.Combine(first.Folders.Ingest, "left"), "");
        await first.CrashAsync();

        await using var second = new StoreFixture(first.Root);
        second.Layers.Recover();
        await second.Trash.EmptiedAsync();

        Assert.Empty(Directory.EnumerateFileSystemEntries(second.Folders.Layers));
        Assert.Empty(Directory.EnumerateFileSystemEntries(second.Folders.Trash));
        Assert.Empty(Directory.EnumerateFileSystemEntries(second.Folders.Ingest));
    }

    [Fact]
    public void Delete_TreeWithLinksOut_LeavesTheirTargets()
    {
        var folder = Directory.CreateTempSubdirectory("berth-tree-").FullName;
        var outside = Directory.CreateTempSubdirectory("berth-tree-").FullName;
        File.WriteAllText(Path.Combine(outside, "kept"), "");
        File.CreateSymbolicLink(Path.Combine(folder, "link"), outside);
        Directory.CreateDirectory(Path.Combine(folder, "sub"));
        File.CreateSymbolicLink(Path.Combine(folder, "sub", "link"), Path.Combine(outside, "kept"));

        FileTree.Delete(folder);

        Assert.False(Directory.Exists(folder));
        Assert.True(File.Exists(Path.Combine(outside, "kept")));
        FileTree.Delete(outside);
    }
}
