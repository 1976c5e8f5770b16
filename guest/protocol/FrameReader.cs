using System.Buffers.Binary;

namespace Berth.Guest.Protocol;

/// <summary>
/// Turns bytes into frames, whatever the bytes are. Zeros between frames are skipped. What is no frame, or fails its checksum,
/// loses the place; it is found again at a magic behind <see cref="Frame.SilenceBytes"/> zeros, which is how a connection begins.
/// </summary>
public sealed class FrameReader
{
    private readonly byte[] _frame = new byte[Frame.HeaderBytes + ProtocolFacts.MaxPayload];
    private int _have;
    private int _zeros;

    /// <summary>Whether it looks for the beginning of a connection, as it does at first.</summary>
    public bool IsLost { get; private set; } = true;

    /// <summary>Gives the frames that <paramref name="bytes"/> complete, and keeps the rest for the next call.</summary>
    public IReadOnlyList<Frame> Read(ReadOnlySpan<byte> bytes)
    {
        List<Frame> frames = [];
        while (bytes.Length > 0)
        {
            if (_have == 0)
            {
                SkipToFrame(ref bytes);
                if (bytes.Length == 0)
                {
                    break;
                }
            }

            Take(ref bytes, Frame.HeaderBytes);
            if (_have < Frame.HeaderBytes)
            {
                break;
            }

            var length = BinaryPrimitives.ReadUInt32LittleEndian(_frame.AsSpan(4));
            if (BinaryPrimitives.ReadUInt32LittleEndian(_frame) != Frame.Magic || length > ProtocolFacts.MaxPayload)
            {
                Lose();
                continue;
            }

            var whole = Frame.HeaderBytes + (int)length;
            Take(ref bytes, whole);
            if (_have == whole)
            {
                Complete(frames, _frame.AsSpan(0, whole));
            }
        }

        return frames;
    }

    private void Complete(List<Frame> frames, ReadOnlySpan<byte> frame)
    {
        if (Frame.Checksum(frame) != BinaryPrimitives.ReadUInt32LittleEndian(frame[13..]))
        {
            Lose();
            return;
        }

        frames.Add(new((FrameKind)frame[8], BinaryPrimitives.ReadUInt32LittleEndian(frame[9..]), frame[Frame.HeaderBytes..].ToArray()));
        _have = 0;
    }

    private void Lose()
    {
        _have = 0;
        _zeros = 0;
        IsLost = true;
    }

    // A frame's first byte is not zero, so it begins where zeros end.
    private void SkipToFrame(ref ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            if (bytes[0] != 0)
            {
                if (!IsLost || _zeros >= Frame.SilenceBytes)
                {
                    IsLost = false;
                    _zeros = 0;
                    return;
                }

                _zeros = 0;
                bytes = bytes[1..];
                continue;
            }

            var run = bytes.IndexOfAnyExcept((byte)0);
            run = run < 0 ? bytes.Length : run;
            _zeros = Math.Min(_zeros + run, Frame.SilenceBytes);
            bytes = bytes[run..];
        }
    }

    private void Take(ref ReadOnlySpan<byte> bytes, int target)
    {
        var count = Math.Min(target - _have, bytes.Length);
        if (count > 0)
        {
            bytes[..count].CopyTo(_frame.AsSpan(_have));
            _have += count;
            bytes = bytes[count..];
        }
    }
}
