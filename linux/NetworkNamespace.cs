namespace Berth.Linux;

/// <summary>Looks at the path of a network namespace.</summary>
public static class NetworkNamespace
{
    private const ulong NS_GET_NSTYPE = 0xb703;

    /// <summary>Whether the path still is one. A pin that lost its mount (unmounted, or the machine was started anew) is a plain file.</summary>
    public static unsafe bool Exists(string path)
    {
        try
        {
            using var file = SafeFd.Open(path, Libc.O_RDONLY | Libc.O_NONBLOCK);
            // ioctl_ns(2): the type of the namespace; any other file answers ENOTTY.
            return Libc.ioctl(file.Number, NS_GET_NSTYPE, null) == Libc.CLONE_NEWNET;
        }
        catch (LinuxException e) when (e.Is(Libc.ENOENT) || e.Is(Libc.ENOTDIR))
        {
            return false;
        }
    }
}
