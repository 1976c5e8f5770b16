using Berth.Abstractions;
using Berth.Common;

namespace Berth.Sandboxes;

/// <summary>
/// Names in the cgroup tree. A container's cgroup is a child of the pod's, and so is the overhead cgroup, where monitors
/// and hypervisors live: containers' limits do not squeeze it, and it ends with the pod.
/// <code>
///   cgroupfs   parent/&lt;container id&gt;             parent/berth-&lt;12 digits&gt;     (no parent given: /berth-&lt;sandbox id&gt;)
///   systemd    a-b.slice/berth-&lt;id&gt;.scope       a-b.slice/berth-&lt;12 digits&gt;  (no parent given: system.slice)
/// </code>
/// </summary>
public sealed class CgroupTree(CgroupDriver driver)
{
    public CgroupDriver Driver => driver;

    /// <exception cref="RuntimeException">The parent's form contradicts the driver.</exception>
    public PodCgroup PodCgroup(string sandboxId, string parent)
    {
        var given = CgroupParents.Resolve(driver, parent);
        var path = driver == CgroupDriver.Systemd || parent.Length > 0 ? given : $"{given}-{sandboxId}";
        return new() { Path = path, OverheadPath = $"{path}/berth-{sandboxId[..12]}" };
    }

    /// <summary>The container's cgroup beneath the root of each hierarchy.</summary>
    public string ContainerPath(PodCgroup pod, string id) =>
        driver == CgroupDriver.Systemd ? $"{pod.Path}/berth-{id}.scope" : $"{pod.Path}/{id}";

    /// <summary>The same as <c>linux.cgroupsPath</c> of the OCI runtime spec; systemd's form is slice:prefix:name.</summary>
    public string ContainerCgroupsPath(PodCgroup pod, string id) =>
        driver == CgroupDriver.Systemd ? $"{Path.GetFileName(pod.Path)}:berth:{id}" : ContainerPath(pod, id);
}
