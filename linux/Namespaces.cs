using System.Text;

namespace Berth.Linux;

/// <summary>The namespaces of a pod to be made, and where each is to be pinned; null is not made.</summary>
public sealed record NamespacePins
{
    /// <summary>An existing file on which the network namespace is bind-mounted.</summary>
    public string? Network { get; init; }

    /// <summary>The same for the IPC namespace.</summary>
    public string? Ipc { get; init; }

    /// <summary>The same for the UTS namespace.</summary>
    public string? Uts { get; init; }

    /// <summary>
    /// The user namespace that owns the others; null is the caller's own. Only <see cref="UserNamespaces"/> can make one.
    /// </summary>
    public UserNamespacePin? User { get; init; }

    /// <summary>The host name within the UTS namespace.</summary>
    public string? Hostname { get; init; }

    /// <summary>Kernel settings by their path beneath /proc/sys, written inside the new namespaces.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Sysctls { get; init; } = [];
}

/// <summary>
/// Makes namespaces without a process: unshare(2) acts on the calling thread, so a thread is made for it, pins the
/// namespaces by bind mounts and ends. Threads inherit the namespaces of the thread that makes them, so nothing on that
/// thread may start another: its body is system calls only.
/// </summary>
public static class Namespaces
{
    /// <summary>Makes and pins; when it fails, what was pinned stays and is the caller's to unmount.</summary>
    public static void Create(NamespacePins pins) => OnThread(() => CreateHere(pins));

    /// <summary>Runs system calls inside an existing network namespace, on a thread of their own. The body must not await or start anything.</summary>
    public static T InNetwork<T>(string path, Func<T> body) => In(path, Libc.CLONE_NEWNET, body);

    /// <summary>
    /// The same for many namespaces, one after another on one thread. A path that is no network namespace (any more) is left out.
    /// </summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<T>> InEachNetwork<T>(IReadOnlyList<string> paths, Func<IReadOnlyList<T>> body)
    {
        var results = new Dictionary<string, IReadOnlyList<T>>(paths.Count);
        OnThread(() =>
        {
            foreach (var path in paths)
            {
                if (TryEnter(path))
                {
                    results[path] = body();
                }
            }
        });
        return results;
    }

    private static bool TryEnter(string path)
    {
        try
        {
            using var target = SafeFd.OpenRead(path);
            return Libc.setns(target.Number, Libc.CLONE_NEWNET) == 0;
        }
        catch (LinuxException)
        {
            return false; // its pod is being stopped
        }
    }

    private static void CreateHere(NamespacePins pins)
    {
        var flags = (pins.Network is null ? 0 : Libc.CLONE_NEWNET) | (pins.Ipc is null ? 0 : Libc.CLONE_NEWIPC) | (pins.Uts is null ? 0 : Libc.CLONE_NEWUTS);
        Check(Libc.unshare(flags), "unshare", "");
        SetUpHere(pins);
        Pin("net", pins.Network);
        Pin("ipc", pins.Ipc);
        Pin("uts", pins.Uts);
    }

    /// <summary>The host name in a UTS namespace, which a path names.</summary>
    public static string Hostname(string path) => In(path, Libc.CLONE_NEWUTS, static () =>
    {
        using var name = SafeFd.OpenRead("/proc/sys/kernel/hostname");
        Span<byte> text = stackalloc byte[128];
        return Encoding.UTF8.GetString(text[..(name.Read(text) ?? 0)]).TrimEnd('\n');
    });

    /// <summary>Sets it.</summary>
    public static void SetHostname(string path, string hostname) => In(path, Libc.CLONE_NEWUTS, () =>
    {
        Check(Libc.sethostname(hostname, Encoding.UTF8.GetByteCount(hostname)), "sethostname", hostname);
        return true;
    });

    private static T In<T>(string path, int type, Func<T> body)
    {
        using var target = SafeFd.OpenRead(path);
        T result = default!;
        OnThread(() =>
        {
            Check(Libc.setns(target.Number, type), "setns", path);
            result = body();
        });
        return result;
    }

    /// <summary>Sets up pinned namespaces that another process has made.</summary>
    internal static void SetUp(NamespacePins pins) => OnThread(() =>
    {
        Join(pins.Network, Libc.CLONE_NEWNET);
        Join(pins.Uts, Libc.CLONE_NEWUTS);
        SetUpHere(pins);
    });

    private static void Join(string? pin, int type)
    {
        if (pin is not null)
        {
            using var target = SafeFd.OpenRead(pin);
            Check(Libc.setns(target.Number, type), "setns", pin);
        }
    }

    private static void SetUpHere(NamespacePins pins)
    {
        if (pins.Network is not null)
        {
            BringLoopbackUp();
        }

        if (pins is { Uts: not null, Hostname: { } name })
        {
            Check(Libc.sethostname(name, Encoding.UTF8.GetByteCount(name)), "sethostname", name);
        }

        foreach (var (key, value) in pins.Sysctls)
        {
            SetSysctl(key, value);
        }
    }

    private static void SetSysctl(string key, string value)
    {
        try
        {
            using var file = SafeFd.Open($"/proc/sys/{key}", Libc.O_WRONLY);
            file.Write(Encoding.ASCII.GetBytes(value));
        }
        catch (LinuxException e)
        {
            throw new SysctlException(key, value, e);
        }
    }

    // /proc/self is the process's first thread; only thread-self names the thread that unshared.
    private static void Pin(string type, string? target)
    {
        if (target is not null)
        {
            Mounts.Bind($"/proc/thread-self/ns/{type}", target);
        }
    }

    // struct ifreq: 16 bytes of name, then the flags; see netdevice(7).
    private static unsafe void BringLoopbackUp()
    {
        using var socket = new SafeFd(Libc.socket(Libc.AF_INET, Libc.SOCK_DGRAM | Libc.SOCK_CLOEXEC, 0));
        var request = stackalloc byte[40];
        new Span<byte>(request, 40).Clear();
        (request[0], request[1]) = ((byte)'l', (byte)'o');
        Check(Libc.ioctl(socket.Number, Libc.SIOCGIFFLAGS, request), "ioctl(SIOCGIFFLAGS)", "lo");
        *(short*)(request + 16) |= 1; // IFF_UP
        Check(Libc.ioctl(socket.Number, Libc.SIOCSIFFLAGS, request), "ioctl(SIOCSIFFLAGS)", "lo");
    }

    // A thread is in its namespaces for good, so it ends with the body.
    private static void OnThread(Action body)
    {
        const int StackBytes = 256 * 1024;
        Exception? failure = null;
        var thread = new Thread(() => failure = Catch(body), StackBytes) { IsBackground = true };
        thread.Start();
        thread.Join();
        if (failure is not null)
        {
            throw failure;
        }
    }

    private static Exception? Catch(Action body)
    {
        try
        {
            body();
            return null;
        }
        catch (Exception e) when (e is LinuxException or IOException or SystemException)
        {
            return e;
        }
    }

    private static void Check(int result, string call, string subject)
    {
        if (result != 0)
        {
            throw LinuxException.Last(call, subject);
        }
    }
}
