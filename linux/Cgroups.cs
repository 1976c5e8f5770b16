using System.Globalization;
using System.Text;

namespace Berth.Linux;

/// <summary>
/// Makes and unmakes cgroups. A path is the same in every hierarchy, with a leading slash; a folder is its place in one of them.
/// </summary>
public sealed class Cgroups(CgroupLayout layout)
{
    private const int MostVanished = 10;

    private static readonly string[] V2Controllers = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids"];

    /// <summary>The machine's hierarchies.</summary>
    public CgroupLayout Layout => layout;

    /// <summary>
    /// The folders that <see cref="Create(string)"/> would make, parents among them, deepest first: to be written down before it does.
    /// </summary>
    /// <param name="path">The cgroup.</param>
    /// <param name="made">Folders that were made for others: those on the way count as if they were still to be made, for whoever goes last removes them.</param>
    public IReadOnlyList<string> Plan(string path, IReadOnlySet<string> made) =>
        [.. layout.Hierarchies.SelectMany(h => Levels(path).Select(h.Folder)).Where(f => made.Contains(f) || !Directory.Exists(f)).OrderByDescending(static f => f.Count(static c => c == '/'))];

    /// <summary>
    /// Plans a cgroup, has the plan written down, and makes it: once more if a parent that was there has gone meanwhile, as systemd removes
    /// a slice's folder some time after its last unit has ended.
    /// </summary>
    /// <param name="path">The cgroup.</param>
    /// <param name="made">See <see cref="Plan"/>.</param>
    /// <param name="record">Takes the folders, deepest first, before any of them is made.</param>
    public void Create(string path, IReadOnlySet<string> made, Action<IReadOnlyList<string>> record)
    {
        IReadOnlyList<string> planned = [];
        for (var again = MostVanished; ; again--)
        {
            planned = [.. planned.Union(Plan(path, made)).OrderByDescending(static f => f.Count(static c => c == '/'))];
            record(planned);
            try
            {
                Create(path);
                return;
            }
            catch (IOException e) when (again > 0 && IsGone(e))
            {
                // From the top: what was made beneath it has gone with it.
            }
        }
    }

    /// <summary>Makes the cgroup in every hierarchy, as runtimes do, ready to take processes. One that exists stays as it is.</summary>
    public void Create(string path)
    {
        foreach (var hierarchy in layout.Hierarchies)
        {
            var parent = hierarchy.MountPoint;
            foreach (var folder in Levels(path).Select(hierarchy.Folder))
            {
                if (layout.Mode == CgroupMode.V2)
                {
                    EnableControllers(parent);
                }

                CgroupFile.MakeFolder(folder);
                if (hierarchy.Controllers.Contains("cpuset") && !hierarchy.IsV2)
                {
                    InheritCpuset(parent, folder);
                }

                parent = folder;
            }
        }
    }

    /// <summary>
    /// Moves a process, with all its threads, into the cgroup in every hierarchy that has it. The first move waits for a grace
    /// period of the kernel (about 7 ms, measured), the others, that follow at once, do not: so one call, off the path of a start.
    /// </summary>
    /// <returns>False if the process is gone.</returns>
    public bool Enter(string path, int pid)
    {
        var bytes = Encoding.ASCII.GetBytes(pid.ToString(CultureInfo.InvariantCulture));
        foreach (var folder in Folders(path))
        {
            try
            {
                CgroupFile.Write($"{folder}/cgroup.procs", bytes);
            }
            catch (LinuxException e) when (e.Is(Libc.ESRCH))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The processes in the cgroup and beneath it.</summary>
    public IReadOnlyList<int> Pids(string path) => TrackedFolder(path) is { } folder ? CgroupFile.PidsBeneath(folder) : [];

    /// <summary>Whether the cgroup exists in any hierarchy.</summary>
    public bool Exists(string path) => Folders(path).Count > 0;

    /// <summary>Kills every process in the cgroup and beneath it, forks included, and waits until none is left.</summary>
    public Task KillAsync(string path, CancellationToken cancellationToken) =>
        TrackedFolder(path) is { } folder ? CgroupKiller.KillAsync(folder, cancellationToken) : Task.CompletedTask;

    /// <summary>Stops every process in the cgroup and beneath it, and waits until none runs.</summary>
    /// <exception cref="LinuxException">The kernel does not do it.</exception>
    public Task FreezeAsync(string path, CancellationToken cancellationToken) =>
        FreezerFolder(path) is { } folder ? CgroupFreezer.FreezeAsync(folder, layout.Mode == CgroupMode.V2, cancellationToken) : Task.CompletedTask;

    /// <summary>Lets them run on. A cgroup that is gone, or was not frozen, is success.</summary>
    public void Thaw(string path)
    {
        if (FreezerFolder(path) is { } folder)
        {
            CgroupFreezer.Thaw(folder, layout.Mode == CgroupMode.V2);
        }
    }

    /// <summary>Removes the cgroup and all beneath it from every hierarchy; it must hold no process. Absent is success.</summary>
    /// <exception cref="LinuxException">It stayed busy.</exception>
    public Task RemoveAsync(string path, CancellationToken cancellationToken) => RemoveFoldersAsync(layout.Hierarchies.Select(h => h.Folder(path)), cancellationToken);

    /// <summary>
    /// Removes what <see cref="Plan"/> named for a path: the cgroup with all beneath it, and those parents that hold nothing else
    /// by now. Absent is success.
    /// </summary>
    /// <exception cref="LinuxException">It stayed busy.</exception>
    public static async Task RemovePlannedAsync(string path, IReadOnlyList<string> planned, CancellationToken cancellationToken)
    {
        await RemoveFoldersAsync(planned.Where(f => f.EndsWith(path, StringComparison.Ordinal)), cancellationToken).ConfigureAwait(false);
        foreach (var parent in planned.Where(f => !f.EndsWith(path, StringComparison.Ordinal)))
        {
            CgroupFile.TryRemove(parent);
        }
    }

    /// <summary>The cgroup that a process is in, beneath the root of the controller's hierarchy; null if it or the hierarchy is missing.</summary>
    public string? PathOf(int pid, string controller)
    {
        var name = layout.Find(controller) is not { } hierarchy ? null : hierarchy.IsV2 ? "" : controller;
        try
        {
            // Lines are id:controllers:path, and 0::path for v2; see cgroups(7).
            return File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/cgroup"))
                .Select(static l => l.Split(':', 3)).FirstOrDefault(f => f.Length == 3 && f[1].Split(',').Contains(name))?[2];
        }
        catch (IOException)
        {
            return null;
        }
    }

    // Tries every one, beside each other, as one that is busy is waited for; the first failure is thrown at the end.
    private static Task RemoveFoldersAsync(IEnumerable<string> folders, CancellationToken cancellationToken) =>
        Task.WhenAll([.. folders.Select(f => CgroupFile.RemoveTreeAsync(f, cancellationToken))]);

    private static IEnumerable<string> Levels(string path)
    {
        if (!path.StartsWith('/') || path.Split('/').Skip(1).Any(static part => part is "" or "." or "..") || path.Contains('\0'))
        {
            throw new ArgumentException($"'{path}' is no cgroup path: it must begin with a slash and have no empty, '.' or '..' part");
        }

        for (var slash = path.IndexOf('/', 1); slash > 0; slash = path.IndexOf('/', slash + 1))
        {
            yield return path[..slash];
        }

        yield return path;
    }

    private List<string> Folders(string path) => [.. layout.Hierarchies.Select(h => h.Folder(path)).Where(Directory.Exists)];

    // The hierarchy whose members count as the cgroup's: on v1 the one that can freeze them.
    private string? TrackedFolder(string path) =>
        new[] { layout.Mode == CgroupMode.V2 ? layout.Unified : null, layout.Find("freezer"), layout.Find("pids"), layout.Find("memory") }
            .Select(h => h?.Folder(path)).FirstOrDefault(static f => f is not null && Directory.Exists(f));

    private string? FreezerFolder(string path) =>
        (layout.Mode == CgroupMode.V2 ? layout.Unified : layout.Find("freezer"))?.Folder(path) is { } folder && Directory.Exists(folder) ? folder : null;

    // ENODEV: a file of a cgroup that was removed after it was opened.
    private static bool IsGone(IOException e) =>
        e is FileNotFoundException or DirectoryNotFoundException or LinuxException { IsNotFound: true } || (e is LinuxException linux ? linux.Errno : e.HResult) == Libc.ENODEV;

    // As far as the kernel lets us: a cgroup that holds processes itself (EBUSY), or is another's (EACCES), keeps what it has.
    private static void EnableControllers(string folder)
    {
        var enabled = CgroupFile.Words($"{folder}/cgroup.subtree_control");
        foreach (var controller in CgroupFile.Words($"{folder}/cgroup.controllers").Intersect(V2Controllers).Except(enabled))
        {
            try
            {
                CgroupFile.Write($"{folder}/cgroup.subtree_control", Encoding.ASCII.GetBytes("+" + controller));
            }
            catch (LinuxException e) when (e.IsPermission || e.Is(Libc.EBUSY) || e.Is(Libc.EINVAL) || e.Is(Libc.EOPNOTSUPP))
            {
                // The runtime says so when a limit of this controller is asked for.
            }
        }
    }

    // A new v1 cpuset is empty and takes no process; see cpuset(7).
    private static void InheritCpuset(string parent, string folder)
    {
        foreach (var file in new[] { "cpuset.cpus", "cpuset.mems" })
        {
            if (CgroupFile.Words($"{folder}/{file}").Count == 0)
            {
                CgroupFile.Write($"{folder}/{file}", Encoding.ASCII.GetBytes(File.ReadAllText($"{parent}/{file}").Trim()));
            }
        }
    }
}
