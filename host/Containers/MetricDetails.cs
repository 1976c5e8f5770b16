using System.Collections.Concurrent;
using Berth.Images;
using Berth.Linux;
using Berth.Metrics;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>A container's details for the page of metrics.</summary>
/// <param name="Cgroup">Null where the host's cgroups do not show it.</param>
/// <param name="Processes">Null where the host does not see them.</param>
/// <param name="Space">What the file system of its writable layer has.</param>
public sealed record ContainerDetails(CgroupDetails? Cgroup, ProcessDetails? Processes, FileSystemSpace? Space);

/// <summary>
/// Reads what the page of metrics shows beyond usage: about fifteen small files of each container, for those who scrape alone. Several
/// who scrape within a few seconds share a look.
/// </summary>
public sealed class MetricDetails(CgroupDetailReader reader, Cgroups cgroups, ImageFileSystem fileSystem, TimeProvider time)
{
    private static readonly TimeSpan FreshTime = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, (CgroupDetails? Cgroup, ProcessDetails? Processes, DateTimeOffset At)> _looks = new();

    /// <summary>How many looks were taken.</summary>
    internal int Looks { get; private set; }

    /// <summary>Of these containers, by id. One thread reads them all.</summary>
    public Task<IReadOnlyDictionary<string, ContainerDetails>> OfContainersAsync(IReadOnlyList<Container> containers) => Task.Run(() =>
    {
        var space = Space();
        Forget(containers);
        return (IReadOnlyDictionary<string, ContainerDetails>)containers.ToDictionary(static c => c.Id, c => Of(c, space));
    });

    /// <summary>Of a pod's cgroup.</summary>
    public CgroupDetails? OfPod(Sandbox sandbox) => reader.Read(sandbox.Cgroup.Path);

    private ContainerDetails Of(Container container, FileSystemSpace? space)
    {
        if (!_looks.TryGetValue(container.Id, out var look) || time.GetUtcNow() - look.At >= FreshTime)
        {
            Looks++;
            look = (reader.Read(container.CgroupPath), ProcessDetails.Read(cgroups.Pids(container.CgroupPath), container.Pid), time.GetUtcNow());
            _looks[container.Id] = look;
        }

        return new(look.Cgroup, look.Processes, space);
    }

    private FileSystemSpace? Space()
    {
        try
        {
            return FileSystemSpace.Of(fileSystem.MountPoint);
        }
        catch (LinuxException)
        {
            return null; // unmounted beneath us: the series are left out
        }
    }

    private void Forget(IReadOnlyList<Container> running)
    {
        foreach (var id in _looks.Keys.Except(running.Select(static c => c.Id)))
        {
            _looks.TryRemove(id, out _);
        }
    }
}
