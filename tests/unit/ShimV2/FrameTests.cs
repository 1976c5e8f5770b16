using Berth.Plugins.ShimV2.Ttrpc;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.ShimV2;

public sealed class FrameTests
{
    private static readonly Gen<Frame> Frames = Gen.Select(Gen.UInt, Gen.Byte, Gen.Byte.Array[0, 3000], static (stream, type, data) => new Frame(stream, type, data));

    [Fact]
    public async Task Read_OfWrittenFrames_GivesThemBackHoweverTheyArrive() => await Gen.Select(Frames.Array[0, 8], Gen.Int[1, 700]).SampleAsync(static async (frames, chunk) =>
    {
        using var stream = new Slow([.. frames.SelectMany(static f => f.ToBytes())], chunk);
        foreach (var expected in frames)
        {
            var frame = await Frame.ReadAsync(stream, CancellationToken.None);
            Assert.Equal((expected.Stream, expected.Type), (frame!.Stream, frame.Type));
            Assert.Equal(expected.Data, frame.Data);
        }

        Assert.Null(await Frame.ReadAsync(stream, CancellationToken.None));
    });

    [Fact]
    public async Task Read_OfAFrameCutShort_SaysSo() => await Gen.Select(Frames, Gen.Double.Unit).SampleAsync(static async (frame, part) =>
    {
        var bytes = frame.ToBytes();
        using var stream = new MemoryStream(bytes[..(1 + (int)(part * (bytes.Length - 2)))]);
        await Assert.ThrowsAsync<EndOfStreamException>(() => Frame.ReadAsync(stream, CancellationToken.None));
    });

    [Fact]
    public async Task Read_OfAnyBytes_EndsWithAFrameOrAFault() => await Gen.Byte.Array[0, 64].SampleAsync(static async bytes =>
    {
        using var stream = new MemoryStream(bytes);
        try
        {
            Assert.True(await Frame.ReadAsync(stream, CancellationToken.None) is null == (bytes.Length == 0));
        }
        catch (Exception e) when (e is EndOfStreamException or InvalidDataException)
        {
            Assert.NotEmpty(bytes);
        }
    });

    [Theory]
    [InlineData(new byte[] { 0, 64, 0, 1, 0, 0, 0, 1, 2, 0 })]
    [InlineData(new byte[] { 255, 255, 255, 255, 0, 0, 0, 1, 2, 0 })]
    public async Task Read_OfALengthBeyondTheLimit_TakesNoMemoryForIt(byte[] header)
    {
        using var stream = new MemoryStream(header);
        await Assert.ThrowsAsync<InvalidDataException>(() => Frame.ReadAsync(stream, CancellationToken.None));
    }

    [Fact]
    public void Write_BeyondTheLimit_IsRefused() =>
        Assert.Throws<InvalidDataException>(static () => new Frame(1, Frame.Request, new byte[Frame.MaxDataBytes + 1]).ToBytes());

    /// <summary>Gives at most so many bytes a read, as a socket may.</summary>
    private sealed class Slow(byte[] content, int chunk) : MemoryStream(content)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(chunk, buffer.Length)], cancellationToken);
    }
}
