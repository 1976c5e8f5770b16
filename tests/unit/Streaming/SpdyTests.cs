using System.IO.Compression;
using Berth.Streaming.Spdy;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Streaming;

public sealed class SpdyTests
{
    private static readonly Gen<Dictionary<string, string>> Headers = Gen.Dictionary(Gen.Char['a', 'z'].Array[1, 20].Select(static c => new string(c)), Gen.String[Gen.Char[' ', '~'], 0, 40])[0, 20];

    [Fact]
    public void Dictionary_IsTheOne_OfTheProtocol()
    {
        var (a, b) = (1u, 0u);
        foreach (var value in SpdyDictionary.Bytes.Span)
        {
            a = (a + value) % 65521;
            b = (b + a) % 65521;
        }

        Assert.Equal((1423, SpdyDictionary.Adler32), (SpdyDictionary.Bytes.Length, (b << 16) | a));
    }

    [Fact]
    public void HeaderBlocks_OfOneDirection_ComeBack() => Headers.Array[1, 8].Sample(static blocks =>
    {
        using var deflater = new SpdyDeflater();
        using var inflater = new SpdyInflater();
        foreach (var headers in blocks)
        {
            var back = SpdyHeaders.Parse(inflater.Inflate(deflater.Deflate(SpdyHeaders.Format(headers)), SpdyHeaders.MaxBytes));
            Assert.Equal(headers.OrderBy(static h => h.Key, StringComparer.Ordinal), back.OrderBy(static h => h.Key, StringComparer.Ordinal));
        }
    });

    [Fact]
    public void Inflater_ABlockThatGrowsWithoutEnd_IsCutOff()
    {
        using var bomb = new MemoryStream();
        using (var zlib = new ZLibStream(bomb, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            zlib.Write(new byte[8 * 1024 * 1024]);
        }

        using var inflater = new SpdyInflater();
        Assert.Throws<SpdyException>(() => inflater.Inflate(bomb.ToArray(), SpdyHeaders.MaxBytes));
    }

    [Fact]
    public void Inflater_AnyBytes_GiveBytesOrARefusal() => Gen.Byte.Array[0, 200].Sample(static bytes =>
    {
        using var inflater = new SpdyInflater();
        Refuses(() => inflater.Inflate(bytes, SpdyHeaders.MaxBytes));
        using var second = new SpdyInflater();
        Refuses(() => second.Inflate([0x78, 0xF9, 0xE3, 0xC6, 0xA7, 0xC2, .. bytes], SpdyHeaders.MaxBytes));
    });

    [Fact]
    public void Headers_AnyBytes_GiveHeadersOrARefusal() => Gen.Byte[0, 8].Array[0, 64].Sample(static bytes => Refuses(() => SpdyHeaders.Parse(bytes)));

    [Fact]
    public async Task Connection_DataInAnyPieces_ComesWholeToItsReader()
    {
        var client = new TestPeer();
        var content = Enumerable.Range(0, 300_000).Select(static i => (byte)(i * 7)).ToArray();
        await client.OpenAsync(1, new() { ["streamtype"] = "data" });
        var stream = await client.Accepted.WaitAsync(TimeSpan.FromSeconds(30));
        var sending = Task.Run(async () =>
        {
            foreach (var piece in content.Chunk(70_001))
            {
                await client.DataAsync(1, piece, fin: false);
            }

            await client.DataAsync(1, [], fin: true);
        });
        using var received = new MemoryStream();
        var buffer = new byte[33_333];
        while (await stream.ReadAsync(buffer, CancellationToken.None) is var count and > 0)
        {
            received.Write(buffer, 0, count);
        }

        await sending;
        Assert.Equal(content, received.ToArray());
        await client.DisposeAsync();
    }

    [Fact]
    public Task Connection_AnyBytes_EndsItAndNothingElse() => Gen.Byte.Array[0, 400].SampleAsync(static async bytes =>
    {
        var client = new TestPeer();
        await client.SendAsync(bytes);
        await client.DisposeAsync();
    }, iter: 300);

    [Fact]
    public async Task Connection_IdsThatDoNotRise_AreReset()
    {
        var client = new TestPeer();
        await client.OpenAsync(5, new() { ["streamtype"] = "data" });
        await client.OpenAsync(3, new() { ["streamtype"] = "data" });
        var frames = await client.ReadFramesAsync(2);
        Assert.Equal((SpdyWire.SynReply, 5u), frames[0]);
        Assert.Equal((SpdyWire.RstStream, 3u), frames[1]);
        await client.DisposeAsync();
    }

    private static void Refuses(Action action)
    {
        try
        {
            action();
        }
        catch (SpdyException)
        {
            return;
        }
    }
}
