using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>
/// Ends and removes an app, whatever there is of it, from its folder alone. Each step finds its work by itself, so it may be cut
/// off anywhere and called again.
/// </summary>
internal sealed class AppRemover(Tools tools)
{
    private const int SigKill = 9;

    // After its app has ended a monitor only drains pipes and writes a file.
    private static readonly TimeSpan MonitorLimit = TimeSpan.FromSeconds(10);

    /// <summary>Removes it. Absent is success.</summary>
    /// <param name="app">Its folder.</param>
    /// <param name="seen">Completes when its object, if there is one, has read how it ended.</param>
    public async Task RemoveAsync(AppFolder app, Task? seen = null)
    {
        try
        {
            var manifest = RktJson.ReadFile<AppManifest>(app.Manifest);
            var cgroup = tools.CgroupOf(manifest?.Cgroup);
            await cgroup.KillAsync().ConfigureAwait(false);
            await EndMonitorAsync(app).ConfigureAwait(false);
            await (seen ?? Task.CompletedTask).ConfigureAwait(false);
            await cgroup.RemoveAsync().ConfigureAwait(false);
            MountTable.UnmountBeneath(app.Path);
            FileTree.Delete(app.RuntimeState);
            foreach (var file in (string[])[app.Status, app.Created, app.Started])
            {
                DeleteFile(file);
            }

            FileTree.Delete(app.Path);
        }
        catch (Exception e) when (e is TimeoutException or IOException or UnauthorizedAccessException)
        {
            throw new RuntimeException(RuntimeErrorCode.Busy, $"container {app.Id} cannot be removed yet: {e.Message}", e);
        }
    }

    private async Task EndMonitorAsync(AppFolder app)
    {
        var record = RktJson.ReadFile<AppProcesses>(app.Supervisor)?.Monitor;
        using var process = Tools.Hold(record);
        if (process is null)
        {
            return;
        }

        var ended = process.ExitedAsync(CancellationToken.None);
        try
        {
            await ended.WaitAsync(MonitorLimit, tools.Clock).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            process.Signal(SigKill);
            await ended.ConfigureAwait(false);
        }
    }

    private static void DeleteFile(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (DirectoryNotFoundException)
        {
            // The pod is gone.
        }
    }
}
