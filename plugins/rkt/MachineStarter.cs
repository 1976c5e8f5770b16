using System.Text;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>
/// Runs stage 1 of a prepared pod: lock, supervisor behind a gate, journal, cgroup, nspawn, in this order.
/// <code>
///   sh (supervisor, holds the lock, writes exit)
///    └ systemd-nspawn            in the pod's IPC and UTS namespaces
///       └ catatonit              PID 1 of the machine, in the pod's network namespace
///          └ conmon ─ app ...    entered later, see AppCreator
/// </code>
/// </summary>
internal sealed class MachineStarter(Tools tools)
{
    private const int SigKill = 9;

    // On a machine under load; alone it takes a tenth of a second.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);

    public async Task<Machine> StartAsync(PodFolder pod, PodManifest manifest, IReadOnlyDictionary<string, string> namespaces, CancellationToken cancellationToken)
    {
        using var folder = SafeFd.OpenDirectory(pod.Path);
        if (!FileLock.TryTake(folder))
        {
            throw new RuntimeException(RuntimeErrorCode.Busy, $"pod {pod.Uuid} is locked: its stage 1 runs, but was never ready; destroy it");
        }

        MakeShared(pod.Rootfs);
        File.Delete(pod.Ready);
        File.Delete(pod.Exit);
        File.Delete(pod.Log);
        using var log = FilesAt.CreateFile(folder, "log"u8);
        var command = MachineCommand.Of(pod, namespaces, tools.Programs);
        using var gate = Gate.Before(command with { Descriptors = new Dictionary<int, SafeFd> { [1] = log, [2] = log, [8] = folder } }, pod.Exit);
        var supervisor = gate.Child;
        var ended = EndedAsync(supervisor);
        try
        {
            RktJson.WriteFile(pod.Supervisor, new ProcessRecord(supervisor.Pid, PidFd.StartTime(supervisor.Pid)));
            tools.Cgroups.Create(manifest.MachineCgroup);
            tools.Cgroups.Enter(manifest.MachineCgroup, supervisor.Pid);
            gate.Open();
            var leader = await ReadyAsync(pod, manifest, ended, cancellationToken).ConfigureAwait(false);
            RktJson.WriteFile(pod.Machine, new ProcessRecord(leader, PidFd.StartTime(leader)));
            return Machine.Follow(new(pod, manifest, leader), ended, tools);
        }
        catch (Exception e) when (e is RuntimeException or OperationCanceledException or IOException or UnauthorizedAccessException)
        {
            await tools.CgroupOf(manifest.Overhead).KillAsync().ConfigureAwait(false);
            supervisor.Signal(SigKill);
            await ended.ConfigureAwait(false);
            throw e is RuntimeException or OperationCanceledException ? e : RuntimeException.Unavailable($"pod {pod.Uuid} does not start: {e.Message}", e);
        }
    }

    // A mount that is made beneath it later appears in the machine: nspawn makes its own copy a slave of this one.
    private static void MakeShared(string rootfs)
    {
        Mounts.Unmount(rootfs);
        Mounts.Bind(rootfs, rootfs);
        Mounts.MakePrivate(rootfs);
        Mounts.MakeShared(rootfs);
    }

    private async Task<int> ReadyAsync(PodFolder pod, PodManifest manifest, Task ended, CancellationToken cancellationToken)
    {
        var start = tools.Clock.GetTimestamp();
        while (!File.Exists(pod.Ready))
        {
            if (ended.IsCompleted)
            {
                throw RuntimeException.Unavailable($"pod {pod.Uuid}: systemd-nspawn ended with status {ExitFile.Read(pod.Exit)?.Code}: {Tail(pod.Log)}");
            }

            if (tools.Clock.GetElapsedTime(start) > Limit)
            {
                throw new RuntimeException(
                    RuntimeErrorCode.DeadlineExceeded, $"pod {pod.Uuid}: its machine was not up within {Limit.TotalSeconds:0} s: {Tail(pod.Log)}");
            }

            // A file cannot be awaited, and this lasts a fraction of a second.
            await Task.Delay(Pause, tools.Clock, cancellationToken).ConfigureAwait(false);
        }

        var leader = NamespacePids.Find(tools.Cgroups.Pids(manifest.Overhead), 1, 1);
        return leader > 0 ? leader : throw RuntimeException.Unavailable($"pod {pod.Uuid}: its machine ended at once: {Tail(pod.Log)}");
    }

    private static async Task EndedAsync(ChildProcess child)
    {
        await child.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        child.Dispose();
    }

    private static string Tail(string log)
    {
        const int Most = 1024;
        var text = File.Exists(log) ? Encoding.UTF8.GetString(File.ReadAllBytes(log)).Trim() : "";
        return text.Length == 0 ? "it gave no reason" : text.Length > Most ? text[^Most..] : text;
    }
}
