using System.Globalization;
using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>Holes and copies of open regular files.</summary>
public static unsafe class FileContent
{
    private const int SEEK_SET = 0;

    /// <summary>Moves the place of the next write; what is skipped stays a hole.</summary>
    public static void Seek(SafeFd file, long offset)
    {
        if (Libc.lseek(file.Number, offset, SEEK_SET) < 0)
        {
            throw LinuxException.Last("lseek", $"fd {file.Number}");
        }
    }

    /// <summary>Sets the length; what is added is a hole.</summary>
    public static void SetLength(SafeFd file, long length)
    {
        if (Libc.ftruncate(file.Number, length) != 0)
        {
            throw LinuxException.Last("ftruncate", $"fd {file.Number}");
        }
    }

    /// <summary>Gives the space of a part back; the file keeps its length, and what is read there is zero. False if the file system cannot.</summary>
    public static bool TryPunchHole(SafeFd file, long offset, long length)
    {
        while (Libc.fallocate(file.Number, Libc.FALLOC_FL_PUNCH_HOLE | Libc.FALLOC_FL_KEEP_SIZE, offset, length) != 0)
        {
            if (Marshal.GetLastPInvokeError() is not Libc.EINTR)
            {
                return Marshal.GetLastPInvokeError() is Libc.EOPNOTSUPP or Libc.ENOSYS
                    ? false
                    : throw LinuxException.Last("fallocate(FALLOC_FL_PUNCH_HOLE)", $"fd {file.Number}");
            }
        }

        return true;
    }

    /// <summary>Copies a file found by <see cref="FilesAt.Locate"/> into one that was just created.</summary>
    public static void Copy(SafeFd located, SafeFd target)
    {
        using var source = SafeFd.OpenRead(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{located.Number}"));
        while (true)
        {
            var copied = Libc.copy_file_range(source.Number, null, target.Number, null, 1 << 30, 0);
            if (copied == 0)
            {
                return;
            }

            if (copied < 0 && Marshal.GetLastPInvokeError() is not Libc.EINTR)
            {
                if (Marshal.GetLastPInvokeError() is Libc.EXDEV or Libc.EINVAL or Libc.EOPNOTSUPP or Libc.ENOSYS)
                {
                    CopyByHand(source, target);
                    return;
                }

                throw LinuxException.Last("copy_file_range", $"fd {target.Number}");
            }
        }
    }

    private static void CopyByHand(SafeFd source, SafeFd target)
    {
        var buffer = new byte[64 * 1024];
        while (source.Read(buffer) is > 0 and var count)
        {
            target.Write(buffer.AsSpan(0, count));
        }
    }
}
