using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Shared;

/// <summary>Talks to a monitor through what it makes in the bundle: the FIFO <c>ctl</c> and the socket <c>attach</c>.</summary>
internal sealed class MonitorControl(string containerId, string bundle, Monitor monitor, TimeProvider clock)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan ReopenLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ClientPatience = TimeSpan.FromSeconds(2);
    private readonly ConcurrentDictionary<MonitorAttachment, byte> _clients = new();

    /// <summary>Sets the size of the terminal.</summary>
    public void Resize(int columns, int rows) => Send($"1 {rows} {columns}\n");

    /// <summary>
    /// Has it open the log again, and returns once it did. Where it already writes to the file at that path nothing is to
    /// do; it would replace the file, and with it lose the lines.
    /// </summary>
    public async Task ReopenLogAsync(string path, CancellationToken cancellationToken)
    {
        var start = clock.GetTimestamp();
        var sent = false;
        while (!WritesTo(path))
        {
            if (!sent)
            {
                Send("2 0 0\n");
                sent = true;
            }

            if (clock.GetElapsedTime(start) > ReopenLimit)
            {
                throw new RuntimeException(
                    RuntimeErrorCode.DeadlineExceeded, $"container {containerId}: its monitor did not open log {path} within {ReopenLimit.TotalSeconds:0} s");
            }

            await Task.Delay(Pause, clock, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Ends standard input: the monitor passes on the half close of an attached client.</summary>
    public async Task CloseStdinAsync(CancellationToken cancellationToken)
    {
        using var socket = await ConnectAsync(cancellationToken).ConfigureAwait(false);
        socket.Shutdown(SocketShutdown.Send);
    }

    /// <summary>
    /// Attaches to the container's streams: each packet that comes has the stream's number (2 is output, 3 is errors) and at most
    /// 8192 bytes, each that goes is input.
    /// </summary>
    public async Task<Socket> ConnectAsync(CancellationToken cancellationToken)
    {
        // The path may be longer than a socket address holds (unix(7)), the way through the folder's descriptor is not.
        using var folder = SafeFd.OpenDirectory(bundle);
        var socket = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
        try
        {
            var address = new UnixDomainSocketEndPoint(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{folder.Number}/attach"));
            await socket.ConnectAsync(address, cancellationToken).ConfigureAwait(false);
            return socket;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            socket.Dispose();
            throw e is SocketException ? Failure("attach", e) : e;
        }
    }

    /// <summary>Attaches a client.</summary>
    public async Task<MonitorAttachment> AttachAsync(AttachRequest request, CancellationToken cancellationToken)
    {
        var client = MonitorAttachment.Begin(request, await ConnectAsync(cancellationToken).ConfigureAwait(false), clock);
        _clients[client] = 0;
        _ = client.End.ContinueWith(_ => _clients.TryRemove(client, out byte _), TaskScheduler.Default);
        return client;
    }

    /// <summary>
    /// Waits for the monitor's end. Once the container's process has ended, the monitor waits without end for clients to take what is
    /// left of the output, so those that take nothing are let go.
    /// </summary>
    /// <param name="process">The container's process; null if it is not held, and then nobody is let go.</param>
    public async Task EndedAsync(PidFd? process)
    {
        // A wait that is left behind keeps the code in memory for as long as the container lives.
        using (var over = new CancellationTokenSource())
        {
            await (process is null ? monitor.Ended : Task.WhenAny(monitor.Ended, process.ExitedAsync(over.Token))).ConfigureAwait(false);
            await over.CancelAsync().ConfigureAwait(false);
        }

        while (!monitor.Ended.IsCompleted)
        {
            await Task.WhenAny(monitor.Ended, Task.Delay(ClientPatience, clock)).ConfigureAwait(false);
            foreach (var client in _clients.Keys.Where(static c => c.IsIdleSince(ClientPatience)))
            {
                await client.DetachAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    private void Send(string line)
    {
        try
        {
            using var fifo = SafeFd.OpenFifo(Path.Combine(bundle, "ctl"), forWriting: true);
            fifo.Write(Encoding.ASCII.GetBytes(line));
        }
        catch (LinuxException e)
        {
            throw Failure("ctl", e);
        }
    }

    private RuntimeException Failure(string file, Exception e) => monitor.Ended.IsCompleted
        ? RuntimeException.FailedPrecondition($"container {containerId} has ended")
        : RuntimeException.Unavailable($"container {containerId}: its monitor (pid {monitor.Pid}) does not answer on {bundle}/{file}: {e.Message}", e);

    // The links in /proc/<pid>/fd follow a rename, so after a rotation the old file shows under its new name.
    private bool WritesTo(string path)
    {
        try
        {
            return Directory.EnumerateFiles(string.Create(CultureInfo.InvariantCulture, $"/proc/{monitor.Pid}/fd"))
                .Any(link => new FileInfo(link).LinkTarget == path);
        }
        catch (IOException)
        {
            throw RuntimeException.FailedPrecondition($"container {containerId} has ended");
        }
    }
}
