using System.Text;
using Berth.Images.Layers;
using Berth.Linux;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Images;

public sealed class TarReaderTests
{
    [Fact]
    public async Task Next_PaxRecords_WinOverHeader()
    {
        var archive = new TarBuilder()
            .Pax('g', ("mtime", "5"))
            .Pax(("path", new string('a', 300)), ("uid", "3000000"), ("mtime", "1700000000.123456789"), ("SCHILY.xattr.user.x", "v"))
            .File("short", "content", uid: 1)
            .File("second", modified: 9)
            .ToArray();

        var entries = await ReadAsync(archive);

        Assert.Equal(new string('a', 300), Encoding.UTF8.GetString(entries[0].Name));
        Assert.Equal(3_000_000u, entries[0].Uid);
        Assert.Equal((1_700_000_000, 123_456_789), (entries[0].ModifiedSeconds, entries[0].ModifiedNanoseconds));
        Assert.Equal("user.x", Encoding.UTF8.GetString(Assert.Single(entries[0].Attributes).Key));
        Assert.Equal(5, entries[1].ModifiedSeconds);
    }

    [Fact]
    public async Task Next_GnuLongNames_AreTaken()
    {
        var (name, link) = (new string('n', 200), new string('l', 200));
        var archive = new TarBuilder()
            .Entry('L', "././@LongLink", content: Encoding.ASCII.GetBytes(name + "\0"))
            .Entry('K', "././@LongLink", content: Encoding.ASCII.GetBytes(link + "\0"))
            .Symlink("short", "short").ToArray();

        var entry = Assert.Single(await ReadAsync(archive));

        Assert.Equal((name, link), (Encoding.ASCII.GetString(entry.Name), Encoding.ASCII.GetString(entry.LinkName)));
    }

    [Theory]
    [InlineData("gnu", null)]
    [InlineData("posix", "0.0")]
    [InlineData("posix", "0.1")]
    [InlineData("posix", "1.0")]
    public async Task Next_SparseFileOfGnuTar_HasItsRuns(string format, string? version)
    {
        var folder = Directory.CreateTempSubdirectory("berth-tar-").FullName;
        try
        {
            await using (var file = File.Create(Path.Combine(folder, "sparse")))
            {
                for (var i = 0; i < 60; i++)
                {
                    file.Seek(i * 1024 * 1024L, SeekOrigin.Begin);
                    file.Write(Encoding.ASCII.GetBytes($"run {i:00}"));
                }

                file.SetLength(100 * 1024 * 1024);
            }

            string[] sparse = version is null ? [] : [$"--sparse-version={version}"];
            await CommandRunner.RunAsync(
                new() { Path = "tar", Arguments = ["-C", folder, "-cSf", Path.Combine(folder, "a.tar"), $"--format={format}", .. sparse, "sparse"] }, null, 1024, TestContext.Current.CancellationToken);

            var entry = Assert.Single(await ReadAsync(File.ReadAllBytes(Path.Combine(folder, "a.tar"))));

            Assert.Equal("sparse", Encoding.ASCII.GetString(entry.Name));
            Assert.Equal(100 * 1024 * 1024, entry.FileLength);
            Assert.Equal(entry.StoredLength, entry.DataRuns!.Sum(static r => r.Length));
            Assert.Contains(entry.DataRuns!, static r => r.Offset == 59 * 1024 * 1024);
        }
        finally
        {
            FileTree.Delete(folder);
        }
    }

    [Fact]
    public async Task Next_HugePaxHeader_IsRefusedByItsClaimAlone()
    {
        var header = new byte[512];
        Encoding.ASCII.GetBytes("x").CopyTo(header, 0);
        Encoding.ASCII.GetBytes("77777777777").CopyTo(header, 124);
        header[156] = (byte)'x';
        await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync(new TarBuilder().Raw(header, []).ToArray()));
    }

    [Theory]
    [InlineData("GNU.sparse.map", "0,5,3,5")] // overlaps
    [InlineData("GNU.sparse.map", "0,5,9999999999999,1")] // beyond the end
    [InlineData("GNU.sparse.map", "0")]
    [InlineData("GNU.sparse.map", "0,-5")]
    [InlineData("GNU.sparse.major", "1")] // the map should be in the content
    public async Task Next_BadSparseMap_IsRefused(string key, string value) => await Assert.ThrowsAsync<InvalidDataException>(
        () => ReadAsync(new TarBuilder().Pax((key, value), ("GNU.sparse.realsize", "100")).File("f", "0123456789").ToArray()));

    [Fact]
    public async Task Next_DeviceOutOfRange_IsRefused() => await Assert.ThrowsAsync<InvalidDataException>(
        () => ReadAsync(new TarBuilder().Device("d", '3', 4096, 0).ToArray()));

    [Fact]
    public void Number_AllForms_AreRead()
    {
        Assert.Equal(8, TarHeader.Number("0000010\0"u8));
        Assert.Equal(8, TarHeader.Number("     10 "u8));
        Assert.Equal(0, TarHeader.Number("\0\0\0\0\0\0\0\0"u8));
        Assert.Equal(long.MaxValue, TarHeader.Number([0x80, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]));
        Assert.Equal(-1, TarHeader.Number([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]));
        Assert.Throws<InvalidDataException>(static () => TarHeader.Number([0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]));
        Assert.Throws<InvalidDataException>(static () => TarHeader.Number("12x4567\0"u8));
    }

    [Fact]
    public void Next_DamagedArchive_IsInvalidDataOrReadable()
    {
        var good = new TarBuilder().Pax(("path", "p"), ("size", "3")).File("f", "abc").Folder("d").HardLink("h", "f").Entry('S', "s", content: new byte[10]).ToArray();
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte, Gen.Int[0, good.Length]).Sample(t =>
        {
            var damaged = good[..t.Item3];
            if (t.Item1 < damaged.Length)
            {
                damaged[t.Item1] = t.Item2;
            }

            try
            {
                ReadAsync(damaged).GetAwaiter().GetResult();
            }
            catch (InvalidDataException)
            {
            }
        });
    }

    [Fact]
    public void PaxParse_AnyBytes_IsInvalidDataOrReadable() => Gen.Byte.Array[0, 60].Sample(static bytes =>
    {
        try
        {
            new PaxRecords().Parse(bytes);
        }
        catch (InvalidDataException)
        {
        }
    });

    private static async Task<List<TarEntry>> ReadAsync(byte[] archive)
    {
        var reader = new TarReader(new OneWayStream(archive));
        var entries = new List<TarEntry>();
        while (await reader.NextAsync(CancellationToken.None) is { } entry)
        {
            entries.Add(entry);
        }

        return entries;
    }

    // Gives few bytes at a time, as a network does, and cannot seek.
    private sealed class OneWayStream(byte[] content) : ReadOnlyStream
    {
        private int _position;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = Math.Min(Math.Min(buffer.Length, 700), content.Length - _position);
            content.AsMemory(_position, count).CopyTo(buffer);
            _position += count;
            return ValueTask.FromResult(count);
        }
    }
}
