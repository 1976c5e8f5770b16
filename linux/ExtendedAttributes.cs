using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using static Berth.Linux.Libc;

namespace Berth.Linux;

/// <summary>
/// Extended attributes of a name within an open folder, see xattr(7). The calls take paths only, so the folder is named
/// by its descriptor in /proc; a link at the end is not followed.
/// </summary>
public static unsafe class ExtendedAttributes
{
    // XATTR_SIZE_MAX and XATTR_LIST_MAX of linux/limits.h.
    private const int LargestValue = 64 * 1024;

    /// <summary>Sets one; false if the file system or the kind of file cannot hold it.</summary>
    public static bool TrySet(SafeFd folder, ReadOnlySpan<byte> name, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        var path = PathOf(folder, name);
        fixed (byte* nativePath = path)
        fixed (byte* nativeKey = FilesAt.Native(key, stackalloc byte[NativeName.Length(key)]))
        fixed (byte* nativeValue = value)
        {
            if (lsetxattr(nativePath, nativeKey, nativeValue, value.Length, 0) == 0)
            {
                return true;
            }
        }

        return Marshal.GetLastPInvokeError() is EOPNOTSUPP or EPERM ? false : throw FilesAt.Last($"lsetxattr({NativeName.Show(key)})", name);
    }

    /// <summary>Reads one; null if it is not there.</summary>
    public static byte[]? Get(SafeFd folder, ReadOnlySpan<byte> name, ReadOnlySpan<byte> key)
    {
        var buffer = new byte[LargestValue];
        var path = PathOf(folder, name);
        fixed (byte* nativePath = path)
        fixed (byte* nativeKey = FilesAt.Native(key, stackalloc byte[NativeName.Length(key)]))
        fixed (byte* native = buffer)
        {
            var size = lgetxattr(nativePath, nativeKey, native, buffer.Length);
            return size >= 0 ? buffer[..(int)size]
                : Marshal.GetLastPInvokeError() is ENODATA or EOPNOTSUPP ? null : throw FilesAt.Last($"lgetxattr({NativeName.Show(key)})", name);
        }
    }

    /// <summary>The keys of all.</summary>
    public static IReadOnlyList<byte[]> List(SafeFd folder, ReadOnlySpan<byte> name)
    {
        var buffer = new byte[LargestValue];
        var path = PathOf(folder, name);
        nint size;
        fixed (byte* nativePath = path)
        fixed (byte* native = buffer)
        {
            size = llistxattr(nativePath, native, buffer.Length);
        }

        if (size < 0)
        {
            return Marshal.GetLastPInvokeError() == EOPNOTSUPP ? [] : throw FilesAt.Last("llistxattr", name);
        }

        var keys = new List<byte[]>();
        for (var rest = buffer.AsSpan(0, (int)size); !rest.IsEmpty;)
        {
            var end = rest.IndexOf((byte)0);
            keys.Add(rest[..end].ToArray());
            rest = rest[(end + 1)..];
        }

        return keys;
    }

    private static byte[] PathOf(SafeFd folder, ReadOnlySpan<byte> name)
    {
        var prefix = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{folder.Number}/"));
        var path = new byte[prefix.Length + NativeName.Length(name) + 1];
        prefix.CopyTo(path, 0);
        if (name.IsEmpty)
        {
            path[prefix.Length] = (byte)'.';
        }
        else
        {
            NativeName.Copy(name, path.AsSpan(prefix.Length));
        }

        return path;
    }
}
