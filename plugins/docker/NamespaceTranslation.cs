using System.Globalization;
using Berth.Abstractions;
using Docker.DotNet.Models;

namespace Berth.Plugins.Docker;

/// <summary>
/// Namespaces. The pod's are the holder's, whatever path the gateway has pinned: the Engine joins containers, not paths. It
/// shares no UTS namespace; each container has its own with the holder's host name.
/// </summary>
internal static class NamespaceTranslation
{
    public static void Apply(IReadOnlyList<OciNamespace> namespaces, PodPlace place, HostConfig host)
    {
        var byType = namespaces.GroupBy(static n => n.Type).ToDictionary(static g => g.Key, static g => g.Last());
        if (byType.ContainsKey("user") || byType.ContainsKey("time"))
        {
            throw Translation.Unsaid("a user or time namespace in linux.namespaces");
        }

        var holder = $"container:{place.Holder}";
        host.NetworkMode = byType.ContainsKey("network") ? holder : "host";
        host.IpcMode = byType.ContainsKey("ipc") ? holder : "host";
        host.PidMode = !byType.TryGetValue("pid", out var pid) ? "host"
            : string.IsNullOrEmpty(pid.Path) ? ""
            : Owner(pid.Path, place);
        host.UTSMode = byType.ContainsKey("uts") ? "" : "host";
        host.CgroupnsMode = byType.ContainsKey("cgroup") ? "private" : "host";
    }

    private static string Owner(string path, PodPlace place)
    {
        if (path.Split('/') is not ["", "proc", var number, "ns", "pid"] || !int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var pid))
        {
            throw Translation.Unsaid($"the PID namespace at {path}, which is no process's of the pod");
        }

        return pid == place.HolderPid ? $"container:{place.Holder}"
            : place.Containers.TryGetValue(pid, out var container) ? $"container:{container}"
            : throw RuntimeException.FailedPrecondition($"process {pid}, whose PID namespace is asked for, is no container of this pod");
    }
}
