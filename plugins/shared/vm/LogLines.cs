using System.Globalization;
using System.Text;

namespace Berth.Plugins.Vm;

/// <summary>
/// The CRI log format, <c>time stream tag content</c>: a line that ended has the tag F, a piece of one has P. So the bytes of
/// each stream can be counted again from a log: content, and one more for each F.
/// </summary>
internal static class LogLines
{
    // As much as the kubelet reads at once, with room for the head of the line.
    private const int MaxContent = 16 * 1024;

    public static byte[] Format(ReadOnlySpan<byte> chunk, bool isStderr, DateTimeOffset time)
    {
        using var lines = new MemoryStream(chunk.Length + 128);
        var head = Encoding.ASCII.GetBytes(
            string.Create(CultureInfo.InvariantCulture, $"{time.UtcDateTime:yyyy-MM-ddTHH:mm:ss.fffffff}00Z {(isStderr ? "stderr" : "stdout")} "));
        while (!chunk.IsEmpty)
        {
            var end = chunk.IndexOf((byte)'\n');
            var isWhole = end >= 0 && end <= MaxContent;
            var content = isWhole ? end : Math.Min(chunk.Length, MaxContent);
            lines.Write(head);
            lines.Write(isWhole ? "F "u8 : "P "u8);
            lines.Write(chunk[..content]);
            lines.WriteByte((byte)'\n');
            chunk = chunk[(content + (isWhole ? 1 : 0))..];
        }

        return lines.ToArray();
    }

    /// <summary>Counts the bytes of a stream's output that whole lines of a log hold.</summary>
    /// <returns>The counts, and how many bytes of the log they come from; what follows is a line cut off.</returns>
    public static (long Stdout, long Stderr, int Read) Count(ReadOnlySpan<byte> log)
    {
        var (stdout, stderr, read) = (0L, 0L, 0);
        while (true)
        {
            var rest = log[read..];
            var end = rest.IndexOf((byte)'\n');
            if (end < 0)
            {
                return (stdout, stderr, read);
            }

            var line = rest[..end];
            var stream = line.IndexOf((byte)' ') + 1;
            // Name and tag are of fixed length: "stdout F ".
            if (stream > 0 && line.Length >= stream + 9)
            {
                var bytes = line.Length - stream - 9 + (line[stream + 7] == (byte)'F' ? 1 : 0);
                (stdout, stderr) = line[stream..].StartsWith("stderr"u8) ? (stdout, stderr + bytes) : (stdout + bytes, stderr);
            }

            read += end + 1;
        }
    }
}
