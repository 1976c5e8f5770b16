using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Berth.Linux;

/// <summary>
/// A new file that gets its name when it is whole (O_TMPFILE, see open(2)): whoever ends before, in whatever way, leaves nothing.
/// It is root's alone (0600).
/// </summary>
public sealed unsafe class UnnamedFile : IDisposable
{
    private const int OwnerOnly = 0x180;
    private readonly SafeFd _folder;
    private readonly SafeFd _file;

    private UnnamedFile(SafeFd folder, SafeFd file) => (_folder, _file) = (folder, file);

    /// <summary>Creates it on the file system of a folder.</summary>
    /// <exception cref="LinuxException">There is no such folder, or its file system has no unnamed files (EOPNOTSUPP).</exception>
    public static UnnamedFile Create(string folder)
    {
        var opened = SafeFd.OpenDirectory(folder);
        try
        {
            return new(opened, SafeFd.Open(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{opened.Number}"), Libc.O_TMPFILE | Libc.O_RDWR, OwnerOnly));
        }
        catch (LinuxException e)
        {
            opened.Dispose();
            throw new LinuxException("open(O_TMPFILE)", folder, e.Errno);
        }
    }

    /// <summary>What names it within its file system, with a name or without.</summary>
    public ulong Inode => FileStatus.Of(_file).Inode;

    /// <summary>Its content, from the start; the stream leaves the file open.</summary>
    public FileStream Open()
    {
        FileContent.Seek(_file, 0);
        return new(new SafeFileHandle(_file.Number, ownsHandle: false), FileAccess.ReadWrite, 256 * 1024);
    }

    /// <summary>Gives it its name in the folder. A name that is taken is an error (EEXIST).</summary>
    public void Name(string name)
    {
        Flush();
        var own = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{_file.Number}\0"));
        var bytes = Encoding.UTF8.GetBytes(name + "\0");
        fixed (byte* from = own)
        fixed (byte* to = bytes)
        {
            if (Libc.linkat(Libc.AT_FDCWD, from, _folder.Number, to, Libc.AT_SYMLINK_FOLLOW) != 0)
            {
                throw LinuxException.Last("linkat", name);
            }
        }
    }

    /// <summary>Takes the name away again.</summary>
    public void Unname(string name) => FilesAt.Unlink(_folder, Encoding.UTF8.GetBytes(name));

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        _folder.Dispose();
    }

    // What is on disk is whole, also after a power loss.
    private void Flush()
    {
        if (Libc.fsync(_file.Number) != 0)
        {
            throw LinuxException.Last("fsync", "");
        }
    }
}
