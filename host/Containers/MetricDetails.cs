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
/// What the page of metrics shows beyond usage, about fifteen small files of each container, for those who scrape alone: a cgroup is read
/// at the first scrape, and then again about every ten seconds as long as somebody scrapes. No scrape waits for another look.
/// </summary>
public sealed class MetricDetails(CgroupDetailReader reader, Cgroups cgroups, ImageFileSystem fileSystem, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(10);

    // Prometheus scrapes once a minute if nobody tells it otherwise; one scrape may fail.
    private static readonly TimeSpan Interest = TimeSpan.FromMinutes(2.5);

    // By the cgroup's path.
    private readonly ConcurrentDictionary<string, Look> _looks = new();

    /// <summary>How many cgroups are read again and again.</summary>
    internal int Kept => _looks.Count;

    /// <summary>Of these containers, by id. One thread reads those that were not read yet.</summary>
    public Task<IReadOnlyDictionary<string, ContainerDetails>> OfContainersAsync(IReadOnlyList<Container> containers) => Task.Run(() =>
    {
        var space = Space();
        return (IReadOnlyDictionary<string, ContainerDetails>)containers.ToDictionary(static c => c.Id, c =>
        {
            var look = Ask(c.CgroupPath, c.Pid);
            return new ContainerDetails(look.Cgroup, look.Processes, space);
        });
    });

    /// <summary>Of a pod's cgroup.</summary>
    public CgroupDetails? OfPod(Sandbox sandbox) => Ask(sandbox.Cgroup.Path, null).Cgroup;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Period, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            foreach (var (path, look) in _looks)
            {
                if (stoppingToken.IsCancellationRequested)
                {
                    return;
                }

                Refresh(path, look);
            }
        }
    }

    private Look Ask(string path, int? init)
    {
        var look = _looks.GetOrAdd(path, _ => Read(path, init, time.GetTimestamp()));
        look.AskedAt = time.GetTimestamp();
        return look;
    }

    private void Refresh(string path, Look look)
    {
        var next = time.GetElapsedTime(look.AskedAt) < Interest ? Read(path, look.Init, look.AskedAt) : null;
        // What is gone, or nobody asks for: should somebody ask again, that is a first time.
        if (next?.Cgroup is null || !_looks.TryUpdate(path, next, look))
        {
            _looks.TryRemove(path, out _);
        }
    }

    private Look Read(string path, int? init, long askedAt) => new()
    {
        Cgroup = reader.Read(path),
        Processes = init is { } first ? ProcessDetails.Read(cgroups.Pids(path), first) : null,
        Init = init,
        AskedAt = askedAt,
    };

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

    /// <summary>A look at a cgroup.</summary>
    private sealed class Look
    {
        public required CgroupDetails? Cgroup { get; init; }

        public required ProcessDetails? Processes { get; init; }

        /// <summary>A container's first process; null for a pod.</summary>
        public required int? Init { get; init; }

        public required long AskedAt { get; set; }
    }
}
