using System.Text;

namespace Berth.Linux;

/// <summary>Names as the kernel has them: bytes, since not every name in an image is UTF-8.</summary>
internal static class NativeName
{
    // PATH_MAX, with the NUL; see limits.h.
    private const int Longest = 4096;

    /// <summary>How much room a copy with its NUL needs.</summary>
    public static int Length(ReadOnlySpan<byte> name) =>
        name.Length < Longest ? name.Length + 1 : throw new LinuxException("open", Show(name[..64]) + "…", Libc.ENAMETOOLONG);

    /// <summary>Copies the name and ends it with a NUL.</summary>
    public static void Copy(ReadOnlySpan<byte> name, Span<byte> native)
    {
        if (name.Contains((byte)0))
        {
            throw new LinuxException("open", Show(name), Libc.EINVAL);
        }

        name.CopyTo(native);
        native[name.Length] = 0;
    }

    /// <summary>The name for a message.</summary>
    public static string Show(ReadOnlySpan<byte> name) => Encoding.UTF8.GetString(name);
}
