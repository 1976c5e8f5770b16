using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>
/// Ends a pod and collects what is left of it, by the folders of rkt's two passes: it becomes exited-garbage (or garbage, if it never ran)
/// when nothing of it runs, and then its tree is deleted. Each step finds its work on the disk, so it may be cut off anywhere.
/// </summary>
internal sealed class PodRemover(AppRemover apps, Tools tools)
{
    // nspawn leaves these by the machine's name where it is killed.
    private static readonly string[] NspawnFolders = ["/run/systemd/nspawn/propagate", "/run/systemd/nspawn/unix-export"];

    private const int SigKill = 9;
    private static readonly TimeSpan SupervisorLimit = TimeSpan.FromSeconds(10);

    /// <summary>Removes it. Absent is success.</summary>
    /// <param name="pod">Its folder.</param>
    /// <param name="appSeen">Completes when an app's object has seen its end.</param>
    /// <param name="machineSeen">Completes when the machine's object has.</param>
    public async Task RemoveAsync(PodFolder pod, Func<string, Task> appSeen, Task machineSeen)
    {
        try
        {
            await Task.WhenAll(pod.Apps().Select(app => apps.RemoveAsync(app, appSeen(app.Id)))).ConfigureAwait(false);
            await EndMachineAsync(pod, machineSeen).ConfigureAwait(false);
            MountTable.UnmountBeneath(pod.Path);
            RemoveNspawnFolders(pod);
            var garbage = pod.Phase is Phase.Run or Phase.ExitedGarbage ? Phase.ExitedGarbage : Phase.Garbage;
            FileTree.Delete(tools.Pods.Advance(pod, garbage).Path);
        }
        catch (Exception e) when (e is TimeoutException or IOException or UnauthorizedAccessException)
        {
            throw new RuntimeException(RuntimeErrorCode.Busy, $"pod {pod.Uuid} cannot be removed yet: {e.Message}", e);
        }
    }

    /// <summary>Removes what nspawn leaves outside the pod's tree.</summary>
    public static void RemoveNspawnFolders(PodFolder pod)
    {
        foreach (var folder in NspawnFolders.Select(f => Path.Combine(f, pod.MachineName)))
        {
            Mounts.Unmount(folder);
            FileTree.Delete(folder);
        }
    }

    /// <summary>Ends all that is in the overhead cgroup: first nspawn, so that its supervisor can write down how it ended.</summary>
    public async Task EndMachineAsync(PodFolder pod, Task seen)
    {
        if (RktJson.ReadFile<PodManifest>(pod.Manifest) is not { } manifest)
        {
            return;
        }

        var overhead = tools.CgroupOf(manifest.Overhead);
        using var supervisor = Tools.Hold(RktJson.ReadFile<ProcessRecord>(pod.Supervisor));
        if (supervisor is not null)
        {
            overhead.Signal(SigKill, pid => pid != supervisor.Pid);
            try
            {
                await supervisor.ExitedAsync(CancellationToken.None).WaitAsync(SupervisorLimit, tools.Clock).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                supervisor.Signal(SigKill);
            }
        }

        await overhead.KillAsync().ConfigureAwait(false);
        await seen.ConfigureAwait(false);
        await tools.Cgroups.RemoveAsync(manifest.MachineCgroup, CancellationToken.None).ConfigureAwait(false);
        await tools.Cgroups.RemoveAsync(manifest.SupervisorCgroup, CancellationToken.None).ConfigureAwait(false);
    }
}
