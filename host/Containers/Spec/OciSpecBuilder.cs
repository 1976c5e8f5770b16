using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>
/// Makes a container's config.json. Nothing is changed anywhere: it looks at the image's files, at devices and mount sources of
/// the host, and what has to be made is in the result.
/// </summary>
public sealed class OciSpecBuilder(HostFacts host, SeccompProfiles seccomp)
{
    /// <summary>The namespaces' files may be missing still; all else that is named must exist.</summary>
    /// <exception cref="RuntimeException">The request contradicts itself, or this host or handler cannot do what it asks.</exception>
    public SpecResult Build(SpecInput input)
    {
        var security = input.Container.Security;
        var capabilities = CapabilityPlan.Create(security, host.BoundingSet);
        var user = UserResolver.Resolve(input.RootfsPath, input.Image.User, security);
        PodUserIds.Check(input, user);
        var mounts = MountPlan.Create(input);
        var namespaces = NamespacePlan.Create(input, host.CgroupV2);
        var spec = new OciSpec
        {
            OciVersion = input.OciVersion,
            Process = Process(input, user, capabilities),
            Root = new(input.RootfsPath, security.ReadOnlyRootfs),
            Hostname = namespaces.Contains(new("uts")) ? input.Hostname : null,
            Mounts = mounts.Mounts,
            Annotations = RuntimeAnnotations.Check(input.Annotations),
            Linux = Linux(input, namespaces, mounts.RootfsPropagation, capabilities),
        };
        return new()
        {
            Spec = spec,
            User = user,
            FoldersToCreate = mounts.FoldersToCreate,
            MappedBinds = mounts.MappedBinds,
            StopSignal = StopSignals.Choose(input.Container.StopSignal, input.Image.StopSignal),
        };
    }

    private OciProcess Process(SpecInput input, ContainerUser user, CapabilityPlan capabilities)
    {
        var container = input.Container;
        var args = ProcessArguments.Args(container, input.Image);
        var environment = ProcessArguments.Environment(container, input.Image, input.Hostname);
        ProcessArguments.CheckSizes(args.Concat(environment));
        return new()
        {
            Terminal = container.Terminal,
            User = new() { Uid = user.Uid, Gid = user.Gid, AdditionalGids = user.SupplementalGroups },
            Args = args,
            Env = environment,
            Cwd = WorkingDirectory.Resolve(input.RootfsPath, container.WorkingDirectory, input.Image.WorkingDir),
            Capabilities = capabilities.ToOci(),
            NoNewPrivileges = container.Security.NoNewPrivileges,
            OomScoreAdj = OomScore.Clamp(container.Resources.OomScoreAdj, host.OomScoreFloor),
            ApparmorProfile = input.Features.AppArmor ? SecurityModules.AppArmorProfile(container.Security, host, input.AppArmorMissing) : null,
            SelinuxLabel = input.Selinux?.Process,
        };
    }

    private OciLinux Linux(SpecInput input, IReadOnlyList<OciNamespace> namespaces, string? propagation, CapabilityPlan capabilities)
    {
        var security = input.Container.Security;
        var devices = DevicePlan.Create(input.Container);
        return new()
        {
            Namespaces = namespaces,
            UidMappings = OciIdMapping.Of(input.SandboxNamespaces.User?.Uids),
            GidMappings = OciIdMapping.Of(input.SandboxNamespaces.User?.Gids),
            Devices = devices.Nodes,
            CgroupsPath = input.CgroupsPath,
            Resources = ResourcePlan.Create(input.Container.Resources, host) with { Devices = devices.Rules },
            RootfsPropagation = propagation,
            Seccomp = FindSeccomp(input, capabilities),
            MaskedPaths = security.Privileged ? null : ProcPaths(security.MaskedPaths, "masked path"),
            MountLabel = input.Selinux?.Mount,
            ReadonlyPaths = security.Privileged ? null : ProcPaths(security.ReadOnlyPaths, "read-only path"),
        };
    }

    // A handler without seccomp or AppArmor confines in its own way; RuntimeDefault leaves that to it.
    private OciSeccomp? FindSeccomp(SpecInput input, CapabilityPlan capabilities) =>
        input.Container.Security.Privileged || !input.Features.Seccomp ? null : seccomp.Find(input.Container.Security.Seccomp, capabilities.Granted);

    private static IReadOnlyList<string> ProcPaths(IReadOnlyList<string> paths, string what) =>
        [.. paths.Select(path => ContainerPath.Normalize(path, what)).Distinct(StringComparer.Ordinal)];
}
