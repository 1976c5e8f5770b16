using System.Globalization;
using Berth.Abstractions;

namespace Example;

/// <summary>Container and monitor in the cgroup tree, version 1, 2 or both.</summary>
internal static class ContainerCgroup
{
    private const string Mounts = "/sys/fs/cgroup";

    /// <summary>Moves the monitor out of the gateway's cgroup, in every hierarchy that has the pod's.</summary>
    public static void Place(string cgroup, int pid)
    {
        foreach (var file in Hierarchies().Select(h => $"{h}{cgroup}/cgroup.procs").Where(File.Exists))
        {
            try
            {
                File.WriteAllText(file, pid.ToString(CultureInfo.InvariantCulture));
            }
            catch (IOException)
            {
                // It has ended already: its report, which is read next, or that there is none, says what happened.
                return;
            }
        }
    }

    /// <summary>Keeps where the container is: after its end /proc does not tell any more.</summary>
    public static void Remember(CreateContainerRequest request, int pid) =>
        File.WriteAllLines(Kept(request), File.ReadAllLines($"/proc/{pid}/cgroup").Select(static line => line.Split(':', 3)).Select(static part => Folder(part[1], part[2])).Where(Directory.Exists));

    public static IReadOnlyList<int> Pids(CreateContainerRequest request) =>
        Folders(request).Select(static f => Path.Combine(f, "cgroup.procs")).FirstOrDefault(File.Exists) is { } file
            ? [.. File.ReadAllLines(file).Select(static l => int.Parse(l, CultureInfo.InvariantCulture))]
            : [];

    // The monitor may see the end before the kernel's notice of a kill; the count is never late.
    public static bool WasOutOfMemory(CreateContainerRequest request) =>
        Folders(request).SelectMany(static f => (string[])[Path.Combine(f, "memory.events"), Path.Combine(f, "memory.oom_control")])
            .Where(File.Exists).SelectMany(File.ReadAllLines)
            .Any(static line => line.StartsWith("oom_kill ", StringComparison.Ordinal) && line != "oom_kill 0");

    private static string[] Folders(CreateContainerRequest request) => File.Exists(Kept(request)) ? File.ReadAllLines(Kept(request)) : [];

    private static string Kept(CreateContainerRequest request) => Path.Combine(request.PrivateDirectory, "cgroups");

    private static IEnumerable<string> Hierarchies() => Directory.EnumerateDirectories(Mounts).Prepend(Mounts);

    private static string Folder(string controllers, string path) => controllers switch
    {
        "" => Directory.Exists($"{Mounts}/unified") ? $"{Mounts}/unified{path}" : $"{Mounts}{path}",
        _ when controllers.StartsWith("name=", StringComparison.Ordinal) => $"{Mounts}/{controllers["name=".Length..]}{path}",
        _ => $"{Mounts}/{controllers}{path}",
    };
}
