using System.Net.Sockets;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Shared;

/// <summary>A client at the attach socket of a container's monitor.</summary>
internal sealed class MonitorAttachment : IAttachment
{
    // What the monitor sends and reads at most in one packet.
    private const int OutputPacket = 8193;
    private const int InputPacket = 32 * 1024;
    private const byte StdoutMark = 2;
    private const byte StderrMark = 3;

    private readonly Socket _socket;
    private readonly SafeFd? _input;
    private readonly SafeFd? _output;
    private readonly SafeFd? _error;
    private readonly TimeProvider _clock;
    private readonly CancellationTokenSource _ended;
    private long _taken;

    // A timestamp; 0 while nothing waits for the client.
    private long _waitsSince;

    private MonitorAttachment(Socket socket, SafeFd? input, SafeFd? output, SafeFd? error, CancellationTokenSource ended, TimeProvider clock)
    {
        (_socket, _input, _output, _error, _ended, _clock) = (socket, input, output, error, ended, clock);
        _taken = clock.GetTimestamp();
        End = RunAsync();
    }

    public Task End { get; }

    /// <summary>Copies between the client's ends and a socket of the monitor, which it takes over.</summary>
    public static MonitorAttachment Begin(AttachRequest request, Socket socket, TimeProvider clock)
    {
        var ends = new List<SafeFd?>();
        try
        {
            ends.Add(Endpoints.Open(request.Stdin, forWriting: false));
            ends.Add(Endpoints.Open(request.Stdout, forWriting: true));
            ends.Add(Endpoints.Open(request.Stderr, forWriting: true));
            ends.ForEach(static e => e?.SetNonBlocking());
            return new(socket, ends[0], ends[1], ends[2], new(), clock);
        }
        catch (LinuxException e)
        {
            ends.ForEach(static e => e?.Dispose());
            socket.Dispose();
            throw RuntimeException.Unavailable($"attach: {e.Message}", e);
        }
    }

    /// <summary>Whether the client has taken no output for that long.</summary>
    public bool IsIdleSince(TimeSpan time) => _clock.GetElapsedTime(Volatile.Read(ref _taken)) >= time;

    /// <summary>Whether there has been output for that long that the client does not take.</summary>
    public bool WaitsSince(TimeSpan time) => Volatile.Read(ref _waitsSince) is > 0 and var since && _clock.GetElapsedTime(since) >= time;

    public async Task DetachAsync(CancellationToken cancellationToken)
    {
        await _ended.CancelAsync().ConfigureAwait(false);
        await End.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task RunAsync()
    {
        var typing = UntilEndAsync(() => TypeAsync(_ended.Token));
        await UntilEndAsync(() => ShowAsync(_ended.Token)).ConfigureAwait(false);
        await _ended.CancelAsync().ConfigureAwait(false);
        await typing.ConfigureAwait(false);
        _socket.Dispose();
        _input?.Dispose();
        _output?.Dispose();
        _error?.Dispose();
    }

    private async Task ShowAsync(CancellationToken cancellationToken)
    {
        var packet = new byte[OutputPacket];
        while (await _socket.ReceiveAsync(packet, cancellationToken).ConfigureAwait(false) is var count and > 0)
        {
            var target = packet[0] switch { StdoutMark => _output, StderrMark => _error, _ => null };
            if (target is not null)
            {
                Volatile.Write(ref _waitsSince, _clock.GetTimestamp());
                await target.WriteAsync(packet.AsMemory(1, count - 1), cancellationToken).ConfigureAwait(false);
                Volatile.Write(ref _waitsSince, 0);
            }

            Volatile.Write(ref _taken, _clock.GetTimestamp());
        }
    }

    private async Task TypeAsync(CancellationToken cancellationToken)
    {
        var packet = new byte[InputPacket];
        while (_input is not null)
        {
            var count = await _input.ReadAsync(packet, cancellationToken).ConfigureAwait(false);
            if (count == 0)
            {
                // Closes the container's input, unless its monitor was started with --leave-stdin-open.
                _socket.Shutdown(SocketShutdown.Send);
                return;
            }

            await _socket.SendAsync(packet.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task UntilEndAsync(Func<Task> copy)
    {
        try
        {
            await copy().ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException || e is LinuxException { IsBrokenPipe: true })
        {
            // Detached, or one side went away: both are an end.
        }
    }
}
