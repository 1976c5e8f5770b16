using Berth.Guest.Protocol;
using CsCheck;

namespace Berth.Tests.Guest;

/// <summary>Frames come out as they went in, whatever else is on the wire and however it is cut.</summary>
public sealed class FramingTests
{
    private static readonly Gen<Frame> Frames =
        from kind in Gen.Byte
        from id in Gen.UInt
        from payload in Gen.Frequency((9, Gen.Byte.Array[0, 200]), (1, Gen.Byte.Array[60_000, ProtocolFacts.MaxPayload]), (1, Gen.Const(new byte[5000])))
        select new Frame((FrameKind)kind, id, payload);

    [Fact]
    public void Frames_CutAnywhere_ComeOutWhole() => Gen.Select(Frames.Array[0, 8], Gen.Int[1, 5000]).Sample(
        static (frames, cut) =>
        {
            var wire = Connection(frames);
            Assert.Equal(Texts(frames), Texts(Read(new FrameReader(), wire, cut)));
        },
        iter: 200);

    [Fact]
    public void NewConnection_AfterHalfAFrame_IsRead() => Gen.Select(Frames.Array[1, 3], Frames.Array[1, 3], Gen.Double[0, 1]).Sample(
        static (before, after, part) =>
        {
            var reader = new FrameReader();
            var old = Connection(before);
            _ = reader.Read(old.AsSpan(0, (int)(old.Length * part)));
            var got = reader.Read(Connection(after));
            Assert.Equal(Texts(after), Texts([.. got.TakeLast(after.Length)]));
        },
        iter: 200);

    [Fact]
    public void NewReader_InTheMiddleOfTheOldStream_FindsTheConnection() => Gen.Select(Frames.Array[1, 3], Frames.Array[1, 3], Gen.Double[0, 1]).Sample(
        static (before, after, part) =>
        {
            var old = Connection(before);
            var wire = old[(int)(old.Length * part)..].Concat(Connection(after)).ToArray();
            Assert.Equal(Texts(after), Texts([.. Read(new FrameReader(), wire, 777).TakeLast(after.Length)]));
        },
        iter: 200);

    [Fact]
    public void Anything_BeforeAConnection_NeitherThrowsNorHidesIt() => Gen.Select(Gen.Byte.Array[0, 100_000], Frames).Sample(
        static (noise, frame) =>
        {
            var reader = new FrameReader();
            _ = reader.Read(noise);
            Assert.Equal(Texts([frame]), Texts([.. reader.Read(Connection(frame)).TakeLast(1)]));
        },
        iter: 200);

    [Fact]
    public void HostileOutput_ThatLooksLikeAConnection_CannotSwallowTheRealOne() => Frames.Sample(
        static frame =>
        {
            // What a container printed: silence, then the head of the longest frame, which the cut leaves at the front of the wire.
            var header = new Frame(FrameKind.Output, 1, new byte[ProtocolFacts.MaxPayload]).ToBytes()[..Frame.HeaderBytes];
            byte[] wire = [.. new byte[8192], .. header, .. Connection(frame)];
            Assert.Equal(Texts([frame]), Texts([.. Read(new FrameReader(), wire, 4096).TakeLast(1)]));
        },
        iter: 100);

    [Fact]
    public void ChangedByte_NeverGivesAnotherFrame() => Gen.Select(Frames, Gen.Double[0, 1], Gen.Int[1, 255]).Sample(
        static (frame, where, change) =>
        {
            var bytes = frame.ToBytes();
            bytes[(int)((bytes.Length - 1) * where)] ^= (byte)change;
            Assert.Empty(new FrameReader().Read([.. Frame.Preamble(), .. bytes]));
        },
        iter: 300);

    [Fact]
    public void Message_LongerThanAFrame_IsPutTogether() => Gen.Byte.Array[0, 300_000].Sample(
        static message =>
        {
            var parts = new MessageParts();
            var frames = Frame.Split(FrameKind.Request, 7, message).ToList();
            foreach (var part in frames.SkipLast(1))
            {
                Assert.Equal(FrameKind.Part, part.Kind);
                parts.Add(part);
            }

            Assert.Equal(FrameKind.Request, frames[^1].Kind);
            Assert.Equal(message, parts.Complete(frames[^1]).ToArray());
        },
        iter: 50);

    [Fact]
    public void Parts_WithoutEnd_AreBounded()
    {
        var parts = new MessageParts();
        var part = new Frame(FrameKind.Part, 1, new byte[ProtocolFacts.MaxPayload]);
        Assert.Throws<InvalidDataException>(() =>
        {
            for (var i = 0u; i <= ProtocolFacts.MaxMessage / ProtocolFacts.MaxPayload; i++)
            {
                parts.Add(part with { Id = i });
            }
        });
    }

    private static byte[] Connection(params Frame[] frames) => [.. Frame.Preamble(), .. frames.SelectMany(static f => f.ToBytes())];

    private static List<Frame> Read(FrameReader reader, byte[] wire, int cut) => [.. wire.Chunk(cut).SelectMany(c => reader.Read(c))];

    private static IEnumerable<string> Texts(IEnumerable<Frame> frames) => frames.Select(static f => $"{f.Kind} {f.Id} {Convert.ToHexString(f.Payload.Span)}");
}
