using Berth.Containers.Spec;

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
        var spec = builder.Build(new SandboxSpecInput
        {
            RootfsPath = rootfs,
            NamespacePaths = namespacePaths,
            CgroupsPath = cgroups.ContainerCgroupsPath(plan.Sandbox.Cgroup, plan.Sandbox.Id),
            OciVersion = plan.Check.OciVersion,
            Seccomp = plan.Sandbox.Spec.Seccomp,
            Annotations = plan.Sandbox.Spec.Annotations,
        });
        File.WriteAllBytes(Path.Combine(plan.BundlePath, "config.json"), OciJson.Write(spec));
    }
}
