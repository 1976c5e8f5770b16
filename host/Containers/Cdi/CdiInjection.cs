using Berth.Abstractions;
using Berth.Containers.Spec;
using Berth.Linux;

namespace Berth.Containers.Cdi;

/// <summary>Changes a container's config.json as its CDI devices ask for. What they name on the host must exist now.</summary>
internal static class CdiInjection
{
    internal static SpecResult Apply(SpecResult result, IReadOnlyList<CdiEdits> edits, SpecInput input, HostFacts host)
    {
        if (edits.Count == 0)
        {
            return result;
        }

        var spec = result.Spec;
        var gids = edits.SelectMany(static e => e.AdditionalGids).Where(static g => g != 0);
        IReadOnlyList<uint> groups = [.. spec.Process.User.AdditionalGids.Concat(gids).Distinct()];
        var (mounts, binds) = Mounts(spec.Mounts, edits, input);
        var user = result.User with { SupplementalGroups = groups };
        PodUserIds.Check(input, user);
        return result with
        {
            User = user,
            MappedBinds = [.. result.MappedBinds, .. binds],
            Spec = spec with
            {
                Process = spec.Process with
                {
                    Env = ProcessArguments.Replace(spec.Process.Env, edits.SelectMany(static e => e.Env)),
                    User = spec.Process.User with { AdditionalGids = groups },
                },
                Mounts = mounts,
                Hooks = CdiHooks.Merge(spec.Hooks, [.. edits.SelectMany(static e => e.Hooks)]),
                Linux = CdiNodes.Add(spec.Linux, spec.Process.User, [.. edits.SelectMany(static e => e.DeviceNodes)]) with
                {
                    IntelRdt = edits.Select(static e => e.IntelRdt).LastOrDefault(static r => r is not null) is { } rdt ? RdtClass.ToOci(rdt, host) : spec.Linux.IntelRdt,
                },
            },
        };
    }

    // Of equal destinations the device's comes in place of what was there; a parent comes before what lies in it.
    private static (IReadOnlyList<OciMount> Mounts, IReadOnlyList<MappedBind> Binds) Mounts(IReadOnlyList<OciMount> existing, IReadOnlyList<CdiEdits> edits, SpecInput input)
    {
        var binds = new List<MappedBind>();
        var added = new Dictionary<string, OciMount>(StringComparer.Ordinal);
        foreach (var mount in edits.SelectMany(static e => e.Mounts))
        {
            var made = ToOci(mount);
            if (made.Type == "bind" && input.SandboxNamespaces.User is { Mode: NamespaceMode.Pod })
            {
                binds.Add(new(made.Source, Path.Combine(input.MappedDirectory, $"cdi-{binds.Count}")));
                made = made with { Source = binds[^1].Target };
            }

            added[made.Destination] = made;
        }

        return ([.. existing.Where(m => !added.ContainsKey(m.Destination)).Concat(added.Values).OrderBy(static m => ContainerPath.Depth(m.Destination))], binds);
    }

    private static OciMount ToOci(CdiMount mount)
    {
        var destination = ContainerPath.Normalize(mount.ContainerPath, "the container path of a CDI device's mount");
        var isBind = mount.Options.Any(static o => o is "bind" or "rbind");
        if (!isBind && mount.Type is { Length: > 0 } and not "bind")
        {
            return new(destination, mount.Type, mount.HostPath, mount.Options);
        }

        var source = RealPath.Find(ContainerPath.Normalize(mount.HostPath, "the host path of a CDI device's mount")) ?? throw RuntimeException.FailedPrecondition(
            $"{mount.HostPath}, which a CDI device mounts at {destination}, does not exist on this host; repair the device's driver or its CDI file");
        return new(destination, "bind", source, isBind ? mount.Options : ["rbind", .. mount.Options]);
    }
}
