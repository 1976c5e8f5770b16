using Berth.Linux;

namespace Berth.Plugins.Docker;

/// <summary>
/// Hears of kills for lack of memory from the kernel, for the Engine's own word of them is lost now and then. The Engine makes the
/// container's cgroup within a start, some tens of milliseconds before the command, and removes it with the last process.
/// </summary>
/// <param name="cgroup">The cgroup that the Engine makes, beneath the root of each hierarchy.</param>
/// <param name="tools">The handler's.</param>
internal sealed class OomWatch(string cgroup, HandlerTools tools) : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);
    private CgroupOomWatch? _watch;

    /// <summary>Whether the kernel will have told, or keeps the count where it outlives the cgroup.</summary>
    public bool Knows => _watch is not null || tools.Cgroups.Layout.Find("memory") is { IsV2: true };

    /// <summary>Runs a start, and begins as soon as there is a cgroup.</summary>
    public async Task BesideAsync(Task start)
    {
        if (CgroupOomWatch.IsNeeded(tools.Cgroups.Layout))
        {
            while (!start.IsCompleted && !TryBegin())
            {
                // A cgroup cannot be awaited before its parent is there, and this lasts a fraction of a second.
                await Task.WhenAny(start, Task.Delay(Pause, tools.Clock, CancellationToken.None)).ConfigureAwait(false);
            }
        }

        await start.ConfigureAwait(false);
    }

    /// <summary>Begins for a container that runs.</summary>
    public bool TryBegin() => (_watch ??= CgroupOomWatch.TryBegin(tools.Cgroups.Layout, cgroup)) is not null;

    /// <summary>Whether the kernel killed; to be asked at once when the process has ended.</summary>
    public Task<bool> WasOutOfMemoryAsync() => _watch?.WasOutOfMemoryAsync(tools.Clock, tools.Stopping) ?? Task.FromResult(false);

    public void Dispose() => _watch?.Dispose();
}
