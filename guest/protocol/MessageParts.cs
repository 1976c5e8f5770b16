namespace Berth.Guest.Protocol;

/// <summary>Puts messages together that came in parts.</summary>
public sealed class MessageParts
{
    private readonly Dictionary<uint, MemoryStream> _parts = [];
    private long _bytes;

    /// <summary>Keeps a <see cref="FrameKind.Part"/>.</summary>
    /// <exception cref="InvalidDataException">The parts that wait are more than one message may have.</exception>
    public void Add(Frame part)
    {
        _bytes += part.Payload.Length;
        if (_bytes > ProtocolFacts.MaxMessage || part.Payload.Length == 0)
        {
            Clear();
            throw new InvalidDataException($"the parts of message {part.Id} are empty or more than {ProtocolFacts.MaxMessage} bytes");
        }

        if (!_parts.TryGetValue(part.Id, out var buffer))
        {
            _parts[part.Id] = buffer = new();
        }

        buffer.Write(part.Payload.Span);
    }

    /// <summary>The whole message that this frame completes.</summary>
    public ReadOnlyMemory<byte> Complete(Frame last)
    {
        if (!_parts.Remove(last.Id, out var buffer))
        {
            return last.Payload;
        }

        _bytes -= buffer.Length;
        buffer.Write(last.Payload.Span);
        return buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
    }

    /// <summary>Forgets what came so far: the connection is a new one.</summary>
    public void Clear()
    {
        _parts.Clear();
        _bytes = 0;
    }
}
