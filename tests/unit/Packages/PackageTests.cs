using System.IO.Compression;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Packages;
using Berth.Plugins.Signatures;
using Berth.Tests.Unit.Images;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Packages;

/// <summary>Archives: the same bytes for the same folder, and nothing but a plugin out of what others have made.</summary>
public sealed class PackageTests : IDisposable
{
    private const string Manifest = """{ "id": "acme", "version": "1.0.0", "contract": { "min": "1.0", "max": "1.0" }, "assembly": "Acme.dll", "handlers": {} }""";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Pack_TheSameFolderTwice_GivesTheSameBytes_WithTheManifestFirst()
    {
        var plugin = PluginSample.Write(_folder, "plugin");
        var first = await PackAsync(plugin, "a.tar.gz");
        File.SetLastWriteTimeUtc(Path.Combine(plugin, "Acme.dll"), DateTime.UnixEpoch);
        var second = await PackAsync(plugin, "b.tar.gz");
        Assert.Equal((first.Sha256, "acme", "1.0.0"), (second.Sha256, first.Manifest.Id, first.Manifest.Version));
        Assert.Equal(File.ReadAllBytes(first.Path), File.ReadAllBytes(second.Path));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(first.Path))), first.Sha256);

        await using var plain = new GZipStream(File.OpenRead(first.Path), CompressionMode.Decompress);
        var header = new byte[512];
        await plain.ReadExactlyAsync(header, TestContext.Current.CancellationToken);
        Assert.Equal("plugin.json", Encoding.ASCII.GetString(header.AsSpan(0, 11)));
    }

    [Fact]
    public async Task PackedAndUnpacked_IsTheSameFolder_AndTheSignatureHolds()
    {
        var plugin = PluginSample.Write(_folder, "plugin");
        _folder.Write($"plugin/{string.Join('/', Enumerable.Repeat("a-long-name-for-a-folder", 8))}/file", "deep");
        var digest = PluginSignature.DigestOf(plugin);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var package = await PackageWriter.PackAsync(plugin, Path.Combine(_folder.Path, "a.tar.gz"), key, TestContext.Current.CancellationToken);
        Assert.False(File.Exists(Path.Combine(plugin, PluginSignature.FileName)));

        var target = await ReadAsync(package.Path);
        Assert.Equal(digest, PluginSignature.DigestOf(target));
        Assert.Equal("signed by acme", new SignaturePolicy(TimeProvider.System).CheckOnce(target, "acme", PluginSample.Trust(key)));
        Assert.True(File.GetUnixFileMode(Path.Combine(target, "lib/helper")).HasFlag(UnixFileMode.OtherExecute));
        Assert.Equal("helper", new FileInfo(Path.Combine(target, "lib/alias")).LinkTarget);
    }

    [Theory]
    [InlineData("../out", "'..'")]
    [InlineData("lib/../../out", "'..'")]
    [InlineData("/etc/out", "absolute")]
    [InlineData("", "empty")]
    [InlineData("a\nb", "control characters")]
    [InlineData("none/file", "comes before its folder")]
    [InlineData("plugin.json", "is there twice")]
    [InlineData("plugin.json/file", "comes before its folder")]
    public async Task Unpack_NamesThatLeadElsewhere_AreRefused(string name, string reason) =>
        await RefusedAsync(Begin().File(name, "x"), reason);

    [Theory]
    [InlineData("/etc/passwd")]
    [InlineData("../plugin.json")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    public async Task Unpack_LinksThatLeadElsewhere_AreRefused(string target) => await RefusedAsync(Begin().Symlink("link", target), "refused", "leads elsewhere");

    [Fact]
    public async Task Unpack_ThroughALink_IsRefused()
    {
        await RefusedAsync(Begin().Folder("real").Symlink("alias", "real").File("alias/file", "x"), "comes before its folder");
        await RefusedAsync(Begin().File("real", "x").Symlink("alias", "real").File("alias", "y"), "is there twice");
    }

    [Fact]
    public async Task Unpack_WhatIsNoFileFolderOrLink_IsRefused()
    {
        await RefusedAsync(Begin().Device("null", '3', 1, 3), "CharacterDevice");
        await RefusedAsync(Begin().Device("disk", '4', 8, 0), "BlockDevice");
        await RefusedAsync(Begin().Device("pipe", '6', 0, 0), "Fifo");
        await RefusedAsync(Begin().HardLink("hard", "plugin.json"), "HardLink");
        await RefusedAsync(Begin().Entry('V', "label"), "unknown type");
    }

    [Fact]
    public async Task Unpack_SetuidAndForeignOwners_AreNotKept()
    {
        var target = await ReadAsync(Write(Begin().File("su", "x", mode: 0xFFF, uid: 1000)));
        var status = FileStatus.Find(Path.Combine(target, "su"))!.Value;
        Assert.Equal((0x1ED, OwnProcess.EffectiveUserId), (status.Mode, status.Uid));
    }

    [Fact]
    public async Task Unpack_NotAsPackMakesThem_AreRefused()
    {
        await RefusedAsync(new TarBuilder().File("Acme.dll").File("plugin.json", Manifest), "its first entry is not plugin.json");
        await RefusedAsync(_folder.Write("text", "no archive"), "it is no gzip file");
        await RefusedAsync(_folder.Write("none", ""), "it is no gzip file");
        await RefusedAsync(Path.Combine(_folder.Path, "absent"), "there is no such file");
        await RefusedAsync("/dev/zero", "neither a file nor a folder");
        await RefusedAsync(Gzip([.. Begin().ToArray(), .. "more"u8]), "something follows the end");
        var whole = File.ReadAllBytes(Write(Begin()));
        await RefusedAsync(Bytes(whole[..^20]), "");
        whole[^6] ^= 1; // gzip's checksum
        await RefusedAsync(Bytes(whole), "");
    }

    [Fact]
    public async Task Unpack_WithoutEnd_Ends()
    {
        // A header that claims a terabyte of nothing.
        var header = Begin().Entry('0', "huge").ToArray()[..^1024];
        var large = header[^512..];
        Encoding.ASCII.GetBytes("777777777777").CopyTo(large, 124);
        var tar = new TarBuilder().File("plugin.json", Manifest).Raw(large, []).ToArray();
        var archive = Gzip(tar[..^1024], zeros: 3 << 20);
        var e = await Assert.ThrowsAsync<RuntimeException>(
            () => PackageReader.ReadAsync(archive, Directory.CreateDirectory(Path.Combine(_folder.Path, "t")).FullName, TestContext.Current.CancellationToken, mostBytes: 2 << 20));
        Assert.Contains("goes over the limit of 2 MiB", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unpack_TooMany_IsRefused()
    {
        var tar = Begin();
        for (var i = 0; i < PackageSink.MostEntries; i++)
        {
            tar.Folder($"f{i}");
        }

        await RefusedAsync(tar, "more than 10000 files");
    }

    [Fact]
    public void Unpack_AnyDamage_NeverWritesOutside()
    {
        var good = Begin().Folder("lib").File("lib/a", "content").Symlink("lib/b", "a").ToArray();
        var outside = Directory.CreateDirectory(Path.Combine(_folder.Path, "outside")).FullName;
        Gen.Select(Gen.Int[0, 512 * 7], Gen.Byte).Array[1, 6].Sample(
            changes =>
            {
                var tar = good.ToArray();
                foreach (var (at, value) in changes)
                {
                    tar[at] = value;
                }

                // With right checksums, or the first look would be the last.
                for (var header = 0; header + 512 <= tar.Length; header += 512)
                {
                    if (good.AsSpan(header + 257, 5).SequenceEqual("ustar"u8))
                    {
                        tar.AsSpan(header + 148, 8).Fill((byte)' ');
                        Encoding.ASCII.GetBytes(Convert.ToString(tar.AsSpan(header, 512).ToArray().Sum(static b => b), 8).PadLeft(6, '0') + "\0 ").CopyTo(tar, header + 148);
                    }
                }

                var target = Directory.CreateDirectory(Path.Combine(outside, "target")).FullName;
                try
                {
                    PackageReader.ReadAsync(Gzip(tar), target, CancellationToken.None).GetAwaiter().GetResult();
                }
                catch (RuntimeException)
                {
                    return true;
                }
                finally
                {
                    FileTree.Delete(target);
                }

                return Directory.GetFileSystemEntries(outside).Length == 0;
            },
            threads: 1,
            iter: 300);
    }

    [Fact]
    public async Task Folder_WithALinkOut_AFifo_OrASocket_IsRefused()
    {
        var plugin = PluginSample.Write(_folder, "plugin");
        var odd = Path.Combine(plugin, "odd");
        File.CreateSymbolicLink(odd, "/etc/shadow");
        await RefusedAsync(plugin, "leads elsewhere");
        File.Delete(odd);
        SafeFd.MakeFifo(odd, UnixFileMode.UserRead);
        await RefusedAsync(plugin, "neither a file, a folder nor a link");
        File.Delete(odd);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(odd));
        await RefusedAsync(plugin, "");
    }

    [Fact]
    public async Task Pack_WhatIsNoPlugin_IsRefused()
    {
        var plugin = PluginSample.Write(_folder, "plugin");
        File.Delete(Path.Combine(plugin, "Acme.dll"));
        Assert.Contains("its assembly Acme.dll is missing", (await Assert.ThrowsAsync<RuntimeException>(() => PackAsync(plugin, "a.tar.gz"))).Message, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(plugin, "plugin.json"), "{");
        Assert.Contains("is no plugin that can be loaded: plugin.json:", (await Assert.ThrowsAsync<RuntimeException>(() => PackAsync(plugin, "a.tar.gz"))).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    private static TarBuilder Begin() => new TarBuilder().File("plugin.json", Manifest).File("Acme.dll", "assembly");

    private Task<Package> PackAsync(string folder, string name) =>
        PackageWriter.PackAsync(folder, Path.Combine(_folder.Path, name), key: null, TestContext.Current.CancellationToken);

    private string Write(TarBuilder tar) => Gzip(tar.ToArray());

    private string Bytes(byte[] content)
    {
        var path = Path.Combine(_folder.Path, "bytes");
        File.WriteAllBytes(path, content);
        return path;
    }

    private string Gzip(byte[] content, long zeros = 0)
    {
        var path = Path.Combine(_folder.Path, "archive");
        using var gzip = new GZipStream(File.Create(path), CompressionLevel.Fastest);
        gzip.Write(content);
        var nothing = new byte[1 << 20];
        for (var left = zeros; left > 0; left -= nothing.Length)
        {
            gzip.Write(nothing);
        }

        return path;
    }

    private async Task<string> ReadAsync(string source)
    {
        var target = Path.Combine(_folder.Path, Path.GetRandomFileName());
        Directory.CreateDirectory(target);
        await PackageReader.ReadAsync(source, target, TestContext.Current.CancellationToken);
        return target;
    }

    private Task RefusedAsync(TarBuilder tar, params string[] reasons) => RefusedAsync(Write(tar), reasons);

    private async Task RefusedAsync(string source, params string[] reasons)
    {
        var e = await Assert.ThrowsAsync<RuntimeException>(() => ReadAsync(source));
        Assert.Contains(reasons, r => e.Message.Contains(r, StringComparison.Ordinal));
    }
}
