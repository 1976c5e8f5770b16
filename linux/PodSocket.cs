namespace Berth.Linux;

/// <summary>TCP sockets of another network namespace: a socket stays in the namespace in which it was made, whoever connects it.</summary>
public static class PodSocket
{
    /// <summary>A TCP socket that is not connected yet.</summary>
    /// <param name="networkNamespace">The namespace's path; null is the process's own.</param>
    /// <param name="v6">IPv6 instead of IPv4.</param>
    /// <exception cref="LinuxException">The namespace is gone, or the kernel has no such protocol (EAFNOSUPPORT).</exception>
    public static SafeFd Create(string? networkNamespace, bool v6) =>
        networkNamespace is null ? Create(v6) : Namespaces.InNetwork(networkNamespace, () => Create(v6));

    private static SafeFd Create(bool v6)
    {
        var fd = Libc.socket(v6 ? Libc.AF_INET6 : Libc.AF_INET, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0);
        return fd >= 0 ? new(fd) : throw LinuxException.Last("socket", v6 ? "AF_INET6" : "AF_INET");
    }
}
