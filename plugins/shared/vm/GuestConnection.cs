using System.Net.Sockets;
using System.Security.Cryptography;
using Berth.Abstractions;
using Berth.Guest.Protocol;

namespace Berth.Plugins.Vm;

/// <summary>
/// The connection to the agent, one after another until the VM ends or the handler lets go of it.
/// <code>
///   connect ─► hello with a nonce ─► frames of an earlier connection, dropped ─► welcome with the nonce ─► frames
///      ▲                                                                                                     │
///      └─────────── a pause ◄── requests without an answer fail, ports end ◄── broken ◄──────────────────────┘
/// </code>
/// </summary>
internal sealed class GuestConnection(
    string socketPath, GuestRequests requests, GuestProcesses processes, GuestPorts ports, IPluginLog log, TimeProvider clock) : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    // A hello that waited for the guest to boot told it an old time.
    private static readonly TimeSpan StaleHello = TimeSpan.FromMilliseconds(500);

    private readonly CancellationTokenSource _disposed = new();
    private readonly MessageParts _parts = new();
    private readonly Lock _lock = new();
    private TaskCompletionSource<AgentWire> _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _loop = Task.CompletedTask;
    private string _nonce = "";
    private long _helloAt;
    private bool _mayRepeat;

    public GuestFacts? Facts { get; private set; }

    public void Begin() => _loop = Task.Run(LoopAsync);

    /// <summary>Completes when the agent has answered, however long that takes.</summary>
    public Task ReadyAsync(CancellationToken cancellationToken) => Connected().WaitAsync(cancellationToken);

    /// <summary>The wire to an agent that has answered.</summary>
    public async Task<AgentWire> WireAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        try
        {
            return await Connected().WaitAsync(limit, clock, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw GuestRequests.NoAnswer(limit);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _disposed.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private Task<AgentWire> Connected()
    {
        lock (_lock)
        {
            return _connected.Task;
        }
    }

    private async Task LoopAsync()
    {
        while (!_disposed.IsCancellationRequested)
        {
            try
            {
                using var wire = await AgentWire.ConnectAsync(socketPath, _disposed.Token).ConfigureAwait(false);
                _mayRepeat = true;
                SayHello(wire);
                await wire.RunAsync(frame => OnFrame(wire, frame), _disposed.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is SocketException or InvalidDataException or OperationCanceledException)
            {
                log.Write(PluginLogLevel.Debug, $"{socketPath}: the connection to the guest ended: {e.Message}");
            }

            Disconnect();
            await Task.Delay(Pause, clock, _disposed.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Disconnect();
    }

    private void SayHello(AgentWire wire)
    {
        _nonce = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        _helloAt = clock.GetTimestamp();
        var hello = new Hello { Version = ProtocolFacts.Version, Nonce = _nonce, Now = clock.GetUtcNow() };
        wire.SendMessage(FrameKind.Hello, 0, ProtocolJson.Write(hello, ProtocolJson.Default.Hello));
    }

    private void OnFrame(AgentWire wire, Frame frame)
    {
        switch (frame.Kind)
        {
            case FrameKind.Part:
                _parts.Add(frame);
                break;
            case FrameKind.Welcome:
                OnWelcome(wire, ProtocolJson.Read(_parts.Complete(frame).Span, ProtocolJson.Default.Welcome));
                break;
            case var _ when !_connected.Task.IsCompletedSuccessfully:
                // What comes before the welcome is of an earlier connection.
                break;
            case FrameKind.Response:
                OnResponse(wire, frame.Id, ProtocolJson.Read(_parts.Complete(frame).Span, ProtocolJson.Default.GuestResponse));
                break;
            case FrameKind.PortData or FrameKind.PortAck or FrameKind.PortEnd or FrameKind.PortReset:
                ports.OnFrame(frame);
                break;
            default:
                processes.OnFrame(wire, frame);
                break;
        }
    }

    private void OnWelcome(AgentWire wire, Welcome welcome)
    {
        if (welcome.Nonce != _nonce)
        {
            return;
        }

        if (welcome.Version != ProtocolFacts.Version)
        {
            throw new InvalidDataException($"the agent speaks version {welcome.Version} of the protocol, this plugin {ProtocolFacts.Version}: its pod must be made anew");
        }

        if (_mayRepeat && clock.GetElapsedTime(_helloAt) > StaleHello)
        {
            _mayRepeat = false;
            SayHello(wire);
            return;
        }

        Facts = new(welcome.Kernel, TimeSpan.FromMilliseconds(welcome.UptimeMilliseconds));
        processes.Resume(wire, welcome.Containers);
        lock (_lock)
        {
            _connected.TrySetResult(wire);
        }
    }

    private void OnResponse(AgentWire wire, uint id, GuestResponse response)
    {
        if (!requests.OnResponse(id, response) && response.Connection is { } nobodys)
        {
            wire.Send(FrameKind.PortReset, nobodys);
        }
    }

    private void Disconnect()
    {
        lock (_lock)
        {
            _parts.Clear();
            if (_connected.Task.IsCompleted)
            {
                _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            if (_disposed.IsCancellationRequested)
            {
                _connected.TrySetException(RuntimeException.Unavailable("the VM has ended, or this handler lets go of it"));
                _ = _connected.Task.Exception;
            }
        }

        requests.Fail();
        ports.Clear();
    }
}
