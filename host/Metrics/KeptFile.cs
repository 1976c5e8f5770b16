using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Berth.Metrics;

/// <summary>A small kernel file that is read again and again through one descriptor.</summary>
internal sealed class KeptFile : IDisposable
{
    private readonly SafeFileHandle _handle;

    private KeptFile(SafeFileHandle handle) => _handle = handle;

    /// <summary>Opens it, or null if there is no such file.</summary>
    public static KeptFile? TryOpen(string path)
    {
        try
        {
            return new(File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>What it says now. A cgroup that was removed throws ENODEV as an <see cref="IOException"/>.</summary>
    public string Read(byte[] buffer)
    {
        var length = 0;
        while (length < buffer.Length && RandomAccess.Read(_handle, buffer.AsSpan(length), length) is > 0 and var count)
        {
            length += count;
        }

        return Encoding.ASCII.GetString(buffer, 0, length);
    }

    public void Dispose() => _handle.Dispose();
}
