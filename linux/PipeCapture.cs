namespace Berth.Linux;

/// <summary>A pipe whose other end a child writes, read into a bounded buffer without a thread of its own.</summary>
public sealed class PipeCapture : IDisposable
{
    private readonly int _limit;
    private readonly bool _keepTail;
    private readonly SafeFd _readEnd;
    private readonly MemoryStream _content = new();

    /// <summary>Creates the pipe.</summary>
    /// <param name="limit">Bytes that are kept at most.</param>
    /// <param name="keepTail">Keep the last bytes, not the first.</param>
    public PipeCapture(int limit, bool keepTail)
    {
        (_limit, _keepTail) = (limit, keepTail);
        (_readEnd, WriteEnd) = SafeFd.Pipe();
        _readEnd.SetNonBlocking();
    }

    /// <summary>The child's end; dispose of it once the child has it.</summary>
    public SafeFd WriteEnd { get; }

    /// <summary>Whether more than the limit was written.</summary>
    public bool Overflowed { get; private set; }

    /// <summary>Reads to the end, or until cancelled, which is no error.</summary>
    /// <param name="onOverflow">Called once when the limit is passed (first bytes kept); reading goes on and drops the rest.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    public async Task ReadAsync(Action? onOverflow, CancellationToken cancellationToken)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            while (true)
            {
                var count = _readEnd.Read(buffer);
                if (count == 0)
                {
                    return;
                }

                if (count is null)
                {
                    await Poller.Shared.ReadableAsync(_readEnd, cancellationToken).ConfigureAwait(false);
                    continue;
                }

                Keep(buffer.AsSpan(0, count.Value), onOverflow);
            }
        }
        catch (OperationCanceledException)
        {
            // Whoever still holds the pipe open has had its time.
        }
    }

    /// <summary>What was kept.</summary>
    public byte[] ToArray() => _content.ToArray();

    /// <inheritdoc/>
    public void Dispose()
    {
        WriteEnd.Dispose();
        _readEnd.Dispose();
        _content.Dispose();
    }

    private void Keep(ReadOnlySpan<byte> bytes, Action? onOverflow)
    {
        if (_keepTail)
        {
            _content.Write(bytes);
            if (_content.Length > 4L * _limit)
            {
                Trim();
            }

            return;
        }

        var room = _limit - (int)_content.Length;
        _content.Write(bytes[..Math.Min(room, bytes.Length)]);
        if (bytes.Length > room && !Overflowed)
        {
            Overflowed = true;
            onOverflow?.Invoke();
        }
    }

    private void Trim()
    {
        var tail = _content.ToArray().AsSpan((int)_content.Length - _limit);
        _content.SetLength(0);
        _content.Write(tail);
    }
}
