namespace Berth.Linux;

/// <summary>Paths of the host without symbolic links, as the kernel resolves them.</summary>
public static class RealPath
{
    /// <summary>The path that a path leads to; null if it leads nowhere.</summary>
    public static string? Find(string path)
    {
        try
        {
            using var file = SafeFd.Open(path, Libc.O_PATH);
            return new FileInfo($"/proc/self/fd/{file.Number}").LinkTarget;
        }
        catch (LinuxException e) when (e.Errno is Libc.ENOENT or Libc.ENOTDIR)
        {
            return null;
        }
    }
}
