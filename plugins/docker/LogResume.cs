using Microsoft.Win32.SafeHandles;

namespace Berth.Plugins.Docker;

/// <summary>Finds out how far an earlier copy came, which may have been killed in the middle of a line.</summary>
internal static class LogResume
{
    private const int BufferBytes = 128 * 1024;

    /// <summary>Counts the lines of a file from a place on, and cuts off the beginning of one that was not finished.</summary>
    public static long CutAndCount(string path, long from)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        var (lines, end, at) = (0L, from, from);
        var buffer = new byte[BufferBytes];
        while (RandomAccess.Read(file, buffer, at) is > 0 and var count)
        {
            var read = buffer.AsSpan(0, count);
            lines += read.Count((byte)'\n');
            end = read.LastIndexOf((byte)'\n') is >= 0 and var last ? at + last + 1 : end;
            at += count;
        }

        if (at > end)
        {
            RandomAccess.SetLength(file, end);
        }

        return lines;
    }

    /// <summary>The place behind a number of lines.</summary>
    public static long SkipLines(SafeFileHandle file, long from, long lines)
    {
        var at = from;
        var buffer = new byte[BufferBytes];
        while (lines > 0 && RandomAccess.Read(file, buffer, at) is > 0 and var count)
        {
            var rest = buffer.AsSpan(0, count);
            while (lines > 0 && rest.IndexOf((byte)'\n') is >= 0 and var length)
            {
                rest = rest[(length + 1)..];
                at += length + 1;
                lines--;
            }

            if (lines > 0)
            {
                at += rest.Length;
            }
        }

        return at;
    }
}
