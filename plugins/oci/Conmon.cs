using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>
/// Starts conmon, the monitor of one container: it runs <c>runtime create</c>, holds the container's pipes, writes its log in
/// CRI format and its exit status to a file, and outlives the gateway.
/// <code>
///   gateway                         conmon --sync (a child: one fork less, and its pid is known)
///     spawn ───────────────────────► blocks in read(start pipe)
///     save state, move into cgroup
///     one byte into the start pipe ► runtime create
///     read {"pid":N}  ◄───────────── sync pipe
/// </code>
/// If the gateway is killed before the byte, the monitor must not go on: nobody knows of it. A closed pipe would let it
/// pass, so the pipe is a socket whose gateway's end holds a byte that nobody reads; the kernel then answers the
/// monitor's read with ECONNRESET (unix(7)), at which it exits.
/// </summary>
internal sealed class Conmon(OciOptions options, RuntimeCommand runtime, string temporaryDirectory)
{
    private const int ErrorBytes = 4096;

    /// <summary>The monitor's absolute path.</summary>
    public string Executable => Berth.Linux.Executable.Find(options.Monitor) ?? throw RuntimeException.Unavailable(
        $"monitor '{options.Monitor}' is not in {Berth.Linux.Executable.SearchPath}: {RuntimeCommand.Remedy("conmon", "monitor")}");

    /// <summary>Starts the monitor, which waits for <see cref="BlockedMonitor.ReleaseAsync"/>.</summary>
    public BlockedMonitor Start(MonitoredContainer container, string runtimeRoot)
    {
        var (sync, theirSync) = SafeFd.Pipe();
        var (start, theirStart) = SafeFd.SocketPair();
        var error = new PipeCapture(ErrorBytes, keepTail: true);
        using (theirSync)
        using (theirStart)
        using (error.WriteEnd)
        {
            theirStart.Write([1]);
            sync.SetNonBlocking();
            try
            {
                var child = ChildProcess.Start(new()
                {
                    Path = Executable,
                    Arguments = Arguments(container, runtimeRoot),
                    Environment = new Dictionary<string, string> { ["_OCI_SYNCPIPE"] = "3", ["_OCI_STARTPIPE"] = "4", ["TMPDIR"] = temporaryDirectory },
                    WorkingDirectory = container.Bundle,
                    Descriptors = new Dictionary<int, SafeFd> { [2] = error.WriteEnd, [3] = theirSync, [4] = theirStart },
                    NewSession = true,
                });
                return new(Monitor.Of(child), start, sync, error);
            }
            catch (Exception e) when (e is LinuxException or RuntimeException)
            {
                start.Dispose();
                sync.Dispose();
                error.Dispose();
                throw e as RuntimeException ?? RuntimeException.Unavailable($"container {container.Id}: monitor: {e.Message}", e);
            }
        }
    }

    private List<string> Arguments(MonitoredContainer container, string runtimeRoot) =>
    [
        "--sync", "--full-attach", "--no-sync-log",
        "--bundle", container.Bundle,
        "--cid", container.Id,
        "--cuuid", container.Id,
        "--name", container.Name,
        "--runtime", runtime.Executable,
        .. runtime.GlobalArguments(runtimeRoot).Select(static a => $"--runtime-arg={a}"),
        "--log-path", container.LogPath is { } log ? $"k8s-file:{log}" : "off",
        "--log-level", options.LogLevel,
        "--container-pidfile", container.Files.Pid,
        "--persist-dir", container.Files.Folder,
        .. container.RestoreFrom is { } checkpoint ? (string[])["--restore", Path.Combine(checkpoint, ContainerDump.Images)] : [],
        .. container.RestoreOptions.Select(static o => $"--runtime-opt={o}"),
        .. container.Terminal ? (string[])["--terminal"] : [],
        .. container is { Stdin: true, Terminal: false } ? (string[])["--stdin"] : [],
        .. container is { Stdin: true, StdinOnce: false } ? (string[])["--leave-stdin-open"] : [],
    ];
}
