using Berth.Abstractions;
using Berth.Containers.Cdi;
using Berth.Containers.Spec;
using Berth.Linux;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>Writes a container's OCI bundle: config.json beside the mounted root file system.</summary>
public sealed class ContainerBundle(OciSpecBuilder builder, HostFacts host, CgroupTree cgroups, ContainerPlanner planner, SandboxPaths sandboxes, ContainerPaths paths)
{
    /// <summary>Writes it; the result says whom the process runs as.</summary>
    /// <param name="plan">The container.</param>
    /// <param name="mounts">Its mounts, with paths of the host where the request has images.</param>
    /// <param name="appArmorMissing">Why the default AppArmor profile cannot be had; empty if it can.</param>
    public ContainerUser Write(ContainerPlan plan, IReadOnlyList<MountSpec> mounts, string appArmorMissing)
    {
        var labels = plan.Check.Features.HostProcesses ? SelinuxLabels.Of(plan.Container.Spec.Security, host, plan.Sandbox.Id) : null;
        var input = ToInput(plan, mounts) with { AppArmorMissing = appArmorMissing, Selinux = labels };
        var result = CdiInjection.Apply(plan.Classes.Apply(builder.Build(input)), plan.Cdi, input, host);
        var users = PodUsers.Of(plan.Sandbox);
        HostFolders.Create(result.FoldersToCreate);
        if (labels is not null)
        {
            SelinuxRelabel.Apply(mounts, labels.Mount);
        }

        if (users is not null)
        {
            HostFolders.GiveTo(users, result.FoldersToCreate.Where(f => ContainerPath.IsBeneath(f, input.VolumesDirectory)));
            MappedBinds.Make(users, result.MappedBinds);
        }

        File.WriteAllBytes(paths.Config(plan.Container.Id), OciJson.Write(result.Spec));
        return result.User;
    }

    private SpecInput ToInput(ContainerPlan plan, IReadOnlyList<MountSpec> mounts)
    {
        var (container, sandbox) = (plan.Container, plan.Sandbox);
        var config = plan.Image.Config;
        return new()
        {
            Container = container.Spec with { Mounts = mounts },
            Image = new ImageDefaults
            {
                Entrypoint = config.Entrypoint,
                Cmd = config.Cmd,
                Env = config.Env,
                WorkingDir = config.WorkingDir,
                User = config.User,
                StopSignal = config.StopSignal,
                Volumes = config.Volumes,
            },
            RootfsPath = paths.Rootfs(container.Id),
            VolumesDirectory = paths.Volumes(container.Id),
            MappedDirectory = paths.Mapped(container.Id),
            NamespacePaths = sandbox.NamespacePaths,
            SandboxNamespaces = sandbox.Spec.Namespaces,
            SandboxPrivileged = sandbox.Spec.Privileged,
            TargetPidNamespace = PinTarget(container),
            Files = new PodFiles
            {
                Hosts = sandboxes.Hosts(sandbox.Id),
                Hostname = sandboxes.Hostname(sandbox.Id),
                ResolvConf = sandboxes.ResolvConf(sandbox.Id),
                Shm = sandbox.Spec.Namespaces.Ipc == NamespaceMode.Node ? "/dev/shm" : sandboxes.Shm(sandbox.Id),
            },
            CgroupsPath = cgroups.ContainerCgroupsPath(sandbox.Cgroup, container.Id),
            OciVersion = plan.Check.OciVersion,
            Hostname = sandbox.Hostname,
            Features = plan.Check.Features,
            Annotations = plan.Annotations,
        };
    }

    // Pinned, because the number of a process that has ended may soon be another's.
    private string? PinTarget(Container container)
    {
        if (container.Spec.Security.Namespaces is not { Pid: NamespaceMode.Target, TargetId: var target })
        {
            return null;
        }

        var pin = paths.TargetPids(container.Id);
        File.Create(pin).Dispose();
        try
        {
            Mounts.Bind($"/proc/{planner.RequireTarget(target, container.SandboxId).Pid}/ns/pid", pin);
        }
        catch (LinuxException e) when (e.IsNotFound)
        {
            throw RuntimeException.FailedPrecondition($"container {target}, whose PID namespace is asked for (target_id), has just ended");
        }

        _ = planner.RequireTarget(target, container.SandboxId);
        return pin;
    }
}
