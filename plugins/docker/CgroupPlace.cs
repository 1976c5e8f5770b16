using Berth.Abstractions;

namespace Berth.Plugins.Docker;

/// <summary>
/// Where the Engine puts a container's cgroup. It names it by its own id, which is not known before; so with cgroupfs the
/// cgroup that config.json names becomes the parent, and all of the container is in what the gateway knows.
/// </summary>
/// <param name="Parent">What the Engine is told.</param>
/// <param name="Own">The parent that is made for this container alone, beneath the root of each hierarchy; null with systemd.</param>
internal sealed record CgroupPlace(string Parent, string? Own)
{
    public static CgroupPlace OfContainer(string? cgroupsPath, CreateContainerRequest request, CgroupDriver driver)
    {
        if (driver == CgroupDriver.Systemd)
        {
            return new(Slice(request.Cgroup.Path), null);
        }

        var path = string.IsNullOrEmpty(cgroupsPath) ? $"{request.Cgroup.Path}/{request.ContainerId}" : "/" + cgroupsPath.TrimStart('/');
        return path.Split('/').Contains("..")
            ? throw RuntimeException.InvalidArgument($"container {request.ContainerId}: linux.cgroupsPath {cgroupsPath} leads upwards")
            : new(path, path);
    }

    /// <summary>The holder's; with cgroupfs in the pod's own overhead cgroup, which the gateway removes.</summary>
    public static CgroupPlace OfHolder(PodCgroup pod, CgroupDriver driver) =>
        driver == CgroupDriver.Systemd ? new(Slice(pod.Path), null) : new(pod.OverheadPath, null);

    /// <summary>The cgroup that the Engine makes.</summary>
    public string Of(string engineId, PodCgroup pod, CgroupDriver driver) =>
        driver == CgroupDriver.Systemd ? $"{pod.Path}/docker-{engineId}.scope" : Own ?? $"{Parent}/{engineId}";

    /// <summary>The Engine's own, where its container's processes are and are counted.</summary>
    public string LeafOf(string engineId, PodCgroup pod, CgroupDriver driver) =>
        driver == CgroupDriver.Systemd ? Of(engineId, pod, driver) : $"{Own ?? Parent}/{engineId}";

    private static string Slice(string path) => path.Split('/')[^1] is { Length: > 0 } name && name.EndsWith(".slice", StringComparison.Ordinal)
        ? name
        : throw RuntimeException.InvalidArgument($"the pod's cgroup {path} is no slice");
}
