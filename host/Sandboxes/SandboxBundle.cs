using Berth.Containers.Spec;
using Berth.Linux;

namespace Berth.Sandboxes;

/// <summary>The sandbox's own OCI bundle: a tiny init, run only where a process must hold the pod.</summary>
public sealed class SandboxBundle(SandboxSpecBuilder builder, CgroupTree cgroups)
{
    public void Write(SandboxPlan plan, IReadOnlyDictionary<string, string> namespacePaths)
    {
        if (!plan.SharedPid)
        {
            return;
        }

        var rootfs = Path.Combine(plan.BundlePath, "rootfs");
        Directory.CreateDirectory(rootfs);
        if (PodUsers.Of(plan.Sandbox.Spec.Namespaces, namespacePaths) is { } users)
        {
            // The runtime comes here as the pod's root: it has to get through, and makes the mount points.
            HostFolders.GiveTo(users, [rootfs]);
            using var folder = SafeFd.OpenDirectory(plan.BundlePath);
            FilesAt.SetOwner(folder, [], 0, users.Gids.ToOutside(0));
            FilesAt.SetMode(folder, [], 0b111_001_000);
        }

        var spec = builder.Build(new SandboxSpecInput
        {
            RootfsPath = rootfs,
            NamespacePaths = namespacePaths,
            Users = plan.Sandbox.Spec.Namespaces.User,
            CgroupsPath = cgroups.ContainerCgroupsPath(plan.Sandbox.Cgroup, plan.Sandbox.Id),
            OciVersion = plan.Check.OciVersion,
            Seccomp = plan.Sandbox.Spec.Seccomp,
            Annotations = plan.Annotations,
        });
        File.WriteAllBytes(Path.Combine(plan.BundlePath, "config.json"), OciJson.Write(spec));
    }
}
