using System.Text.RegularExpressions;
using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>
/// Kernel settings of a pod: only those that the kernel keeps per namespace, and only if the pod has that namespace for itself;
/// any other would change the host. Values are written to one file, never passed through text that something parses.
/// </summary>
public static partial class SysctlPolicy
{
    // What containers without privileges expect: to serve port 80, and to ping.
    private static readonly KeyValuePair<string, string>[] NetworkDefaults =
        [new("net/ipv4/ip_unprivileged_port_start", "0"), new("net/ipv4/ping_group_range", "0 2147483647")];

    /// <summary>Paths beneath /proc/sys and their values, sorted by path.</summary>
    /// <param name="sysctls">As the request has them.</param>
    /// <param name="namespaces">The sandbox's.</param>
    public static IReadOnlyList<KeyValuePair<string, string>> Create(IReadOnlyDictionary<string, string> sysctls, NamespaceModes namespaces)
    {
        var all = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in sysctls)
        {
            var path = ToPath(key);
            CheckNamespace(key, path, namespaces);
            if (!ValuePattern().IsMatch(value))
            {
                throw RuntimeException.InvalidArgument(
                    $"the value of sysctl {key} must be 1 to 1024 letters, digits, spaces, tabs and characters of \".,:_-\"");
            }

            if (!all.TryAdd(path, value) && all[path] != value)
            {
                throw RuntimeException.InvalidArgument($"sysctl {key} is given twice with different values");
            }
        }

        // The range of a user namespace's groups is smaller than the default here; see ping_group_range in ip-sysctl.rst.
        if (namespaces.Network != NamespaceMode.Node && namespaces.User is not { Mode: NamespaceMode.Pod })
        {
            foreach (var (path, value) in NetworkDefaults)
            {
                all.TryAdd(path, value);
            }
        }

        return [.. all];
    }

    // sysctl.d(5): the first separator decides. With "/" first, dots are part of a name; with "." first, slashes stand for dots.
    private static string ToPath(string key)
    {
        var first = key.IndexOfAny(['.', '/']);
        var path = first >= 0 && key[first] == '.'
            ? string.Create(key.Length, key, static (span, text) =>
            {
                for (var i = 0; i < text.Length; i++)
                {
                    span[i] = text[i] switch { '.' => '/', '/' => '.', var other => other };
                }
            })
            : key;
        return key.Length <= 256 && path.Split('/') is { Length: > 1 } parts && parts.All(static p => p is not ("." or "..") && NamePattern().IsMatch(p))
            ? path
            : throw RuntimeException.InvalidArgument($"\"{key}\" is not the name of a sysctl; write it like net.ipv4.ip_forward");
    }

    private static void CheckNamespace(string key, string path, NamespaceModes namespaces)
    {
        var (kind, isHost) = path switch
        {
            _ when path.StartsWith("net/", StringComparison.Ordinal) => ("network", namespaces.Network == NamespaceMode.Node),
            _ when IsIpc(path) => ("IPC", namespaces.Ipc == NamespaceMode.Node),
            _ => throw RuntimeException.InvalidArgument(
                $"sysctl {key} is not of a namespace, so it would change the host; allowed are kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.* and net.*"),
        };
        if (isHost)
        {
            throw RuntimeException.InvalidArgument($"sysctl {key} would change the host: the pod uses the host's {kind} namespace; leave out one of the two");
        }
    }

    // ipc_namespaces(7).
    private static bool IsIpc(string path) =>
        path == "kernel/sem" || IpcPattern().IsMatch(path) || path.StartsWith("fs/mqueue/", StringComparison.Ordinal);

    [GeneratedRegex(@"\Akernel/(shm|msg)[a-z_]*\z")]
    private static partial Regex IpcPattern();

    [GeneratedRegex(@"\A[A-Za-z0-9_.:@-]+\z")]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"\A[A-Za-z0-9 \t.,:_-]{1,1024}\z")]
    private static partial Regex ValuePattern();
}
