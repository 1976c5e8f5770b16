using System.Globalization;
using System.Text;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>What came of a launch: the app's processes, or why the runtime would not have it.</summary>
internal sealed record Launched(AppProcesses? Processes, string? Refusal);

/// <summary>
/// Puts an app into stage 1: conmon, which has crun set the app up and stop short of its command. Both begin in the app's own
/// cgroup, so that whatever is cut off here is found there, and a cgroup namespace has the right root; then conmon moves to the
/// pod's overhead, and the limits come into force.
/// </summary>
internal sealed class AppLauncher(Tools tools)
{
    private const int ErrorBytes = 4096;

    public async Task<Launched> LaunchAsync(Stage1 stage1, AppFolder app, string cgroup, CreateContainerRequest request, CancellationToken cancellationToken)
    {
        var (sync, theirSync) = SafeFd.Pipe();
        using (sync)
        using (theirSync)
        using (var error = new PipeCapture(ErrorBytes, keepTail: true))
        {
            sync.SetNonBlocking();
            using var gate = Start(stage1, app, request, theirSync, error.WriteEnd);
            theirSync.Dispose();
            error.WriteEnd.Dispose();
            var ended = ReapAsync(gate.Child);
            tools.Cgroups.Enter(cgroup, gate.Child.Pid);
            gate.Open();
            var line = await MonitorReport.ReadLineAsync(sync, cancellationToken).ConfigureAwait(false);
            await ended.ConfigureAwait(false);
            if (line.Length == 0)
            {
                await error.ReadAsync(null, cancellationToken).ConfigureAwait(false);
                throw RuntimeException.Unavailable($"container {app.Id}: its monitor ended early: {Encoding.UTF8.GetString(error.ToArray()).Trim()}");
            }

            var report = MonitorReport.Parse(line);
            return report.Pid > 0 ? new(Find(stage1, app, cgroup, report.Pid), null) : new(null, report.Message);
        }
    }

    private Gate Start(Stage1 stage1, AppFolder app, CreateContainerRequest request, SafeFd sync, SafeFd error)
    {
        var command = stage1.Enter(tools.Programs, tools.Programs.Monitor, Arguments(stage1, app, request));
        try
        {
            return Gate.Before(command with
            {
                Environment = new Dictionary<string, string> { ["_OCI_SYNCPIPE"] = "3" },
                Descriptors = new Dictionary<int, SafeFd> { [2] = error, [3] = sync },
            });
        }
        catch (LinuxException e)
        {
            throw RuntimeException.Unavailable($"container {app.Id}: {e.Message}", e);
        }
    }

    private List<string> Arguments(Stage1 stage1, AppFolder app, CreateContainerRequest request) =>
    [
        "--full-attach", "--no-sync-log",
        "--bundle", stage1.Seen(app.Path),
        "--cid", app.Id,
        "--cuuid", app.Id,
        "--name", request.Name,
        "--runtime", tools.Programs.Runtime,
        .. Runtime.GlobalArguments(stage1).Select(static a => $"--runtime-arg={a}"),
        "--log-path", request.LogPath is { } log ? $"k8s-file:{stage1.Seen(Path.Combine(app.Log, Path.GetFileName(log)))}" : "off",
        "--log-level", "error",
        "--container-pidfile", stage1.Seen(app.Pid),
        "--conmon-pidfile", stage1.Seen(app.MonitorPid),
        "--exit-dir", stage1.Seen(app.Pod.Status),
        .. request.Terminal ? (string[])["--terminal"] : [],
        .. request is { Stdin: true, Terminal: false } ? (string[])["--stdin"] : [],
        .. request is { Stdin: true, StdinOnce: false } ? (string[])["--leave-stdin-open"] : [],
    ];

    // Their files have the numbers of stage 1.
    private AppProcesses Find(Stage1 stage1, AppFolder app, string cgroup, int init)
    {
        var members = tools.Cgroups.Pids(cgroup);
        var monitor = NamespacePids.Find(members, stage1.Depth, int.Parse(File.ReadAllText(app.MonitorPid), CultureInfo.InvariantCulture));
        return monitor > 0
            ? new(Record(monitor), Record(NamespacePids.Find(members, stage1.Depth, init)))
            : throw RuntimeException.Unavailable($"container {app.Id}: its monitor is gone before it was seen");
    }

    private static ProcessRecord Record(int pid) => new(pid, pid > 0 ? PidFd.StartTime(pid) : 0);

    private static async Task ReapAsync(ChildProcess child)
    {
        await child.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        child.Dispose();
    }
}
