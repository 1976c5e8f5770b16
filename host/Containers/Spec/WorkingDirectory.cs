using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>
/// Where the first process starts. A path that leads into /proc could reach descriptors which the runtime still holds on the
/// host (CVE-2024-21626), also by a link that the image planted; such a path is refused, whatever the runtime does about it.
/// </summary>
internal static class WorkingDirectory
{
    private const int MaxLinks = 40;

    internal static string Resolve(string rootfs, string requested, string fromImage)
    {
        var path = requested.Length > 0 ? ContainerPath.Normalize(requested, "working_dir")
            : ContainerPath.Normalize(ContainerPath.NormalizeInRoot(fromImage), "the image's working directory");
        RefuseProc(rootfs, path);
        return path;
    }

    // The root file system is mounted and nothing runs in it yet, so walking it by names does not race with the container.
    private static void RefuseProc(string rootfs, string path)
    {
        var pending = new Stack<string>(ContainerPath.Split(path).Reverse());
        var resolved = new List<string>();
        var links = 0;
        while (pending.TryPop(out var part))
        {
            if (part == "..")
            {
                resolved.RemoveRange(Math.Max(0, resolved.Count - 1), Math.Min(1, resolved.Count));
                continue;
            }

            if (LinkTarget(rootfs, resolved, part) is not { } target)
            {
                resolved.Add(part);
                Check(path, "/" + string.Join('/', resolved));
                continue;
            }

            if (++links > MaxLinks)
            {
                throw RuntimeException.InvalidArgument($"the working directory {path} has more than {MaxLinks} symbolic links; repair the image");
            }

            if (target.StartsWith('/'))
            {
                resolved.Clear();
            }

            foreach (var next in ContainerPath.Split(target).Reverse())
            {
                pending.Push(next);
            }
        }
    }

    private static string? LinkTarget(string rootfs, List<string> folder, string name) =>
        new FileInfo(Path.Combine([rootfs, .. folder, name])).LinkTarget;

    // /dev/fd becomes a link into /proc once the runtime has made /dev.
    private static void Check(string path, string reached)
    {
        if (ContainerPath.IsBeneath(reached, "/proc") || reached == "/dev/fd" || ContainerPath.IsBeneath(reached, "/dev/fd"))
        {
            throw RuntimeException.InvalidArgument($"the working directory {path} leads to {reached}: it must not lie in /proc; choose a folder of the image");
        }
    }
}
