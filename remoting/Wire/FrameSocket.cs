using Berth.Linux;

namespace Berth.Remoting.Wire;

/// <summary>Frames over a connected Unix stream socket. One reader at a time; any number of writers.</summary>
public sealed class FrameSocket : IDisposable
{
    private readonly SafeFd _in;
    private readonly SafeFd _out;
    private readonly SemaphoreSlim _writing = new(1);
    private readonly byte[] _header = new byte[Frame.HeaderSize];

    /// <summary>Takes the socket over.</summary>
    public FrameSocket(SafeFd socket)
    {
        socket.SetNonBlocking();
        _in = socket;
        // epoll(7) knows a descriptor once; reading and writing wait at the same time.
        _out = SafeFd.Duplicate(socket.Number);
    }

    /// <summary>The next frame; null is the end.</summary>
    /// <exception cref="InvalidDataException">What comes is no frame.</exception>
    public async Task<Frame?> ReceiveAsync(CancellationToken cancellationToken)
    {
        var descriptors = new List<SafeFd>();
        try
        {
            if (await ReceiveAsync(_header, descriptors, cancellationToken).ConfigureAwait(false) is var count and < Frame.HeaderSize)
            {
                return count == 0 ? null : throw new InvalidDataException("the stream ends within a header");
            }

            var (kind, expected, call, length) = Frame.ReadHeader(_header);
            var body = new byte[length];
            if (await ReceiveAsync(body, descriptors, cancellationToken).ConfigureAwait(false) < length)
            {
                throw new InvalidDataException("the stream ends within a frame");
            }

            return descriptors.Count == expected
                ? new(kind, call, body, descriptors)
                : throw new InvalidDataException($"a frame came with {descriptors.Count} descriptors and names {expected}");
        }
        catch
        {
            descriptors.ForEach(static d => d.Dispose());
            throw;
        }
    }

    /// <summary>Sends a frame as a whole; what was begun cannot be given up. The descriptors are the receiver's after it, and closed here.</summary>
    public async Task SendAsync(FrameKind kind, ulong call, ReadOnlyMemory<byte> body, IReadOnlyList<SafeFd> descriptors)
    {
        try
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(body.Length, Frame.LongestBody);
            var bytes = new byte[Frame.HeaderSize + body.Length];
            Frame.WriteHeader(bytes, kind, descriptors.Count, call, body.Length);
            body.CopyTo(bytes.AsMemory(Frame.HeaderSize));
            await _writing.WaitAsync().ConfigureAwait(false);
            try
            {
                await SendAsync(bytes, descriptors).ConfigureAwait(false);
            }
            finally
            {
                _writing.Release();
            }
        }
        finally
        {
            foreach (var descriptor in descriptors)
            {
                descriptor.Dispose();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _in.Dispose();
        _out.Dispose();
    }

    private async Task SendAsync(ReadOnlyMemory<byte> bytes, IReadOnlyList<SafeFd> descriptors)
    {
        while (!bytes.IsEmpty)
        {
            if (SocketMessages.TrySend(_out, bytes.Span, descriptors) is { } sent)
            {
                (bytes, descriptors) = (bytes[sent..], []);
                continue;
            }

            await Poller.Shared.WritableAsync(_out, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private async Task<int> ReceiveAsync(Memory<byte> buffer, List<SafeFd> descriptors, CancellationToken cancellationToken)
    {
        var filled = 0;
        while (filled < buffer.Length)
        {
            switch (SocketMessages.TryReceive(_in, buffer.Span[filled..], descriptors))
            {
                case 0: return filled;
                case { } count: filled += count; break;
                default: await Poller.Shared.ReadableAsync(_in, cancellationToken).ConfigureAwait(false); break;
            }

            if (descriptors.Count > SocketMessages.MostDescriptors)
            {
                throw new InvalidDataException("descriptors come that no frame names");
            }
        }

        return filled;
    }
}
