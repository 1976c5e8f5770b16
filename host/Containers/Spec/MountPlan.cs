namespace Berth.Containers.Spec;

/// <summary>All mounts of a container, in the order in which they are made.</summary>
internal sealed record MountPlan(
    IReadOnlyList<OciMount> Mounts, string? RootfsPropagation, IReadOnlyList<string> FoldersToCreate, IReadOnlyList<MappedBind> MappedBinds)
{
    internal static MountPlan Create(SpecInput input)
    {
        var volumes = new VolumeMounts(input);
        var requested = input.Container.Mounts.Select(volumes.Create).ToList();
        var requestedPaths = requested.Select(static r => r.Mount.Destination).ToHashSet(StringComparer.Ordinal);
        var fromImage = ImageVolumes.Create(input).Where(m => !requestedPaths.Contains(m.Destination)).ToList();
        var defaults = DefaultMounts.Create(input).Where(m => !IsReplaced(m.Destination, requestedPaths));

        // A stable sort: a parent comes before what lies in it, and of equals the request's comes last, on top.
        var mounts = defaults.Concat(fromImage).Concat(requested.Select(static r => r.Mount))
            .OrderBy(static m => ContainerPath.Depth(m.Destination)).ToList();
        return new(
            mounts,
            RaisedPropagation(input.Container.Mounts),
            [.. fromImage.Select(static m => m.Source), .. requested.Select(static r => r.FolderToCreate).OfType<string>().Distinct(StringComparer.Ordinal)],
            [.. requested.Select(static r => r.Bind).OfType<MappedBind>()]);
    }

    // Who mounts the host's /dev or /sys wants what is beneath it there, too.
    private static bool IsReplaced(string destination, HashSet<string> requested) =>
        requested.Contains(destination)
        || (requested.Contains("/dev") && ContainerPath.IsBeneath(destination, "/dev"))
        || (requested.Contains("/sys") && ContainerPath.IsBeneath(destination, "/sys"));

    // The runtime makes the root a slave or private otherwise, and a shared mount in it would reach nobody.
    private static string? RaisedPropagation(IReadOnlyList<MountSpec> mounts) =>
        mounts.Any(static m => m.Propagation == MountPropagation.Bidirectional) ? "rshared"
        : mounts.Any(static m => m.Propagation == MountPropagation.HostToContainer) ? "rslave"
        : null;
}
