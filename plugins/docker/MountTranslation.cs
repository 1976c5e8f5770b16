using Docker.DotNet.Models;

namespace Berth.Plugins.Docker;

/// <summary>Mounts. Those that every container has are the Engine's to make; the rest are binds and tmpfs.</summary>
internal static class MountTranslation
{
    private static readonly Dictionary<string, string> OwnMounts = new()
    {
        ["/proc"] = "proc",
        ["/dev"] = "tmpfs",
        ["/dev/pts"] = "devpts",
        ["/dev/mqueue"] = "mqueue",
        ["/sys"] = "sysfs",
        ["/sys/fs/cgroup"] = "cgroup",
    };

    private static readonly HashSet<string> Propagations = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];

    public static void Apply(IReadOnlyList<OciMount> mounts, HostConfig host)
    {
        host.Mounts = [];
        host.Tmpfs = new Dictionary<string, string>();
        foreach (var mount in mounts)
        {
            if (Translation.IsGiven(mount.UidMappings) || Translation.IsGiven(mount.GidMappings))
            {
                throw Translation.Unsaid($"an id mapping of mount {mount.Destination}");
            }

            if (OwnMounts.TryGetValue(mount.Destination, out var type) && mount.Type == type)
            {
                continue;
            }

            if (mount.Type == "bind" || mount.Options.Contains("bind") || mount.Options.Contains("rbind"))
            {
                host.Mounts.Add(Bind(mount));
            }
            else if (mount.Type == "tmpfs")
            {
                host.Tmpfs[mount.Destination] = string.Join(',', mount.Options);
            }
            else
            {
                throw Translation.Unsaid($"mount {mount.Destination} of type {mount.Type}");
            }
        }
    }

    private static Mount Bind(OciMount mount)
    {
        string[] plain = ["bind", "rbind", "ro", "rw"];
        if (mount.Options.FirstOrDefault(o => !plain.Contains(o) && !Propagations.Contains(o)) is { } other)
        {
            throw Translation.Unsaid($"option {other} of the bind mount {mount.Destination}");
        }

        return new()
        {
            Type = "bind",
            Source = mount.Source,
            Target = mount.Destination,
            ReadOnly = mount.Options.Contains("ro"),
            BindOptions = new()
            {
                Propagation = mount.Options.LastOrDefault(Propagations.Contains) ?? "rprivate",
                NonRecursive = !mount.Options.Contains("rbind"),
            },
        };
    }
}
