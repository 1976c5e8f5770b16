using System.Globalization;
using System.Text;
using Berth.Linux;

namespace Berth.Logger;

/// <summary>
/// A container's log: lines of <c>time stream tag content</c>, as the kubelet reads them. The tag is F for a line that ends here and
/// P for one that goes on in the next entry of its stream, so nothing must be remembered between two reads.
/// </summary>
internal sealed class LogFile(string path) : IDisposable
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;

    // The longest entry: a read of 16 KiB without a line's end, and what stands before it.
    private const int BufferBytes = LogStream.ReadBytes + 128;

    // All containers' entries are made in it, one after the other: this program has one thread.
    private static readonly byte[] Buffer = new byte[BufferBytes];
    private static readonly byte[] Time = new byte["2026-01-01T00:00:00.000000000Z".Length];
    private SafeFd _file = SafeFd.OpenAppend(path, Mode);
    private bool _torn;

    /// <summary>Opens the path again, after a rotation; the old file stays if that fails.</summary>
    public void Reopen()
    {
        var old = _file;
        _file = SafeFd.OpenAppend(path, Mode);
        old.Dispose();
    }

    /// <summary>Writes what one read gave; its entries share one time, and as few writes as the buffer allows.</summary>
    public void Append(ReadOnlySpan<byte> stream, ReadOnlySpan<byte> content)
    {
        Stamp();
        var used = 0;
        while (!content.IsEmpty)
        {
            var end = content.IndexOf((byte)'\n');
            var line = end < 0 ? content : content[..end];
            content = end < 0 ? [] : content[(end + 1)..];
            if (used + Time.Length + stream.Length + line.Length + 5 > BufferBytes)
            {
                Flush(used);
                used = 0;
            }

            Put(Time, ref used);
            Put(" "u8, ref used);
            Put(stream, ref used);
            Put(end < 0 ? " P "u8 : " F "u8, ref used);
            Put(line, ref used);
            Put("\n"u8, ref used);
        }

        Flush(used);
    }

    public void Dispose() => _file.Dispose();

    private static void Put(ReadOnlySpan<byte> bytes, ref int used)
    {
        bytes.CopyTo(Buffer.AsSpan(used));
        used += bytes.Length;
    }

    private static void Stamp()
    {
        var now = TimeProvider.System.GetUtcNow();
        // A tick is 100 ns; the kubelet wants nine digits.
        _ = Encoding.ASCII.GetBytes(now.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'00Z'", CultureInfo.InvariantCulture), Time);
    }

    // A full disk must not stop the container: what cannot be written is dropped, and an entry cut short gets its line's end.
    private void Flush(int length)
    {
        try
        {
            if (_torn)
            {
                _file.Write("\n"u8);
                _torn = false;
            }

            _file.Write(Buffer.AsSpan(0, length));
        }
        catch (LinuxException e)
        {
            _torn = true;
            Console.Error.WriteLine($"{path}: {e.Message}");
        }
    }
}
