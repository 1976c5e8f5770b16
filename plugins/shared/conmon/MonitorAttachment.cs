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
    private readonly CancellationTokenSource _ended;

    private MonitorAttachment(Socket socket, SafeFd? input, SafeFd? output, SafeFd? error, CancellationTokenSource ended)
    {
        (_socket, _input, _output, _error, _ended) = (socket, input, output, error, ended);
        End = RunAsync();
    }

    public Task End { get; }

    public static async Task<MonitorAttachment> ConnectAsync(AttachRequest request, MonitorControl control, CancellationToken cancellationToken)
    {
        var socket = await control.ConnectAsync(cancellationToken).ConfigureAwait(false);
        var ends = new List<SafeFd?>();
        try
        {
            ends.Add(Endpoints.Open(request.Stdin, forWriting: false));
            ends.Add(Endpoints.Open(request.Stdout, forWriting: true));
            ends.Add(Endpoints.Open(request.Stderr, forWriting: true));
            ends.ForEach(static e => e?.SetNonBlocking());
            return new(socket, ends[0], ends[1], ends[2], new());
        }
        catch (LinuxException e)
        {
            ends.ForEach(static e => e?.Dispose());
            socket.Dispose();
            throw RuntimeException.Unavailable($"attach: {e.Message}", e);
        }
    }

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
                await target.WriteAsync(packet.AsMemory(1, count - 1), cancellationToken).ConfigureAwait(false);
            }
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
