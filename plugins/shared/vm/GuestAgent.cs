using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Berth.Abstractions;
using Berth.Guest.Protocol;

namespace Berth.Plugins.Vm;

/// <summary>What the agent says of itself.</summary>
/// <param name="Kernel">The guest's kernel.</param>
/// <param name="Uptime">Of the kernel, when it answered.</param>
internal sealed record GuestFacts(string Kernel, TimeSpan Uptime);

/// <summary>
/// The agent in a guest: requests, processes and port connections over one socket. The connection is made anew when it breaks,
/// and by the next process after a restart; the agent then tells what it has, and goes on with each stream where it was.
/// </summary>
internal sealed class GuestAgent(string socketPath, IPluginLog log, TimeProvider clock) : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromMinutes(2);

    // A hello that waited for the guest to boot told it an old time.
    private static readonly TimeSpan StaleHello = TimeSpan.FromMilliseconds(500);

    private readonly CancellationTokenSource _disposed = new();
    private readonly ConcurrentDictionary<uint, Pending> _pending = new();
    private readonly ConcurrentDictionary<uint, GuestProcessLink> _processes = new();
    private readonly ConcurrentDictionary<(string Container, string? Exec), GuestProcessLink> _followed = new();
    private readonly ConcurrentDictionary<uint, GuestPort> _ports = new();
    private readonly MessageParts _parts = new();
    private readonly Lock _lock = new();
    private TaskCompletionSource<AgentWire> _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _loop = Task.CompletedTask;
    private uint _lastRequest;
    private string _nonce = "";
    private long _helloAt;
    private bool _mayRepeat;

    public GuestFacts? Facts { get; private set; }

    /// <summary>Begins to connect, and to stay connected.</summary>
    public void Begin() => _loop = Task.Run(LoopAsync);

    /// <summary>Completes when the agent has answered.</summary>
    public Task ReadyAsync(CancellationToken cancellationToken) => ConnectedAsync(cancellationToken);

    /// <summary>Follows a process of an earlier connection; before <see cref="Begin"/>.</summary>
    public void Follow(string containerId, string? execId, IProcessEvents events) => _followed[(containerId, execId)] = new(events);

    public Task SetUpPodAsync(Configure setup, string? shareTag, CancellationToken cancellationToken) => Task.WhenAll(
        CallAsync(new() { Configure = setup }, cancellationToken),
        shareTag is null ? Task.CompletedTask : CallAsync(new() { MountShare = new(shareTag) }, cancellationToken));

    public Task MountDiskAsync(MountDisk disk, CancellationToken cancellationToken) => CallAsync(new() { MountDisk = disk }, cancellationToken);

    public Task WriteFilesAsync(string containerId, IReadOnlyDictionary<string, byte[]> files, CancellationToken cancellationToken) =>
        CallAsync(new() { WriteFiles = new(containerId, files) }, cancellationToken);

    public Task CreateAsync(string containerId, byte[] config, bool stdin, IProcessEvents events, CancellationToken cancellationToken) => CallAsync(
        new() { Create = new() { ContainerId = containerId, Config = Encoding.UTF8.GetString(config), Stdin = stdin } },
        cancellationToken,
        answer => Attach(containerId, null, answer.Process, new(events)),
        asksRuntime: true);

    public Task StartAsync(string containerId, CancellationToken cancellationToken) => CallAsync(new() { Start = new(containerId) }, cancellationToken, asksRuntime: true);

    public Task ExecAsync(string containerId, string execId, byte[] process, bool stdin, IProcessEvents events, CancellationToken cancellationToken) => CallAsync(
        new() { Exec = new() { ContainerId = containerId, ExecId = execId, Process = Encoding.UTF8.GetString(process), Stdin = stdin } },
        cancellationToken,
        answer => Attach(containerId, execId, answer.Process, new(events)),
        asksRuntime: true);

    public Task SignalAsync(string containerId, string? execId, int signal, bool all, CancellationToken cancellationToken) =>
        CallAsync(new() { Signal = new(containerId, execId, signal, all) }, cancellationToken);

    public Task ResizeAsync(string containerId, string? execId, int columns, int rows, CancellationToken cancellationToken) =>
        CallAsync(new() { Resize = new(containerId, execId, columns, rows) }, cancellationToken);

    public Task UpdateAsync(string containerId, byte[] resources, CancellationToken cancellationToken) =>
        CallAsync(new() { Update = new(containerId, Encoding.UTF8.GetString(resources)) }, cancellationToken);

    public async Task<GuestStats> StatsAsync(string containerId, CancellationToken cancellationToken) =>
        (await CallAsync(new() { Stats = new(containerId) }, cancellationToken).ConfigureAwait(false)).Stats
        ?? throw new RuntimeException(RuntimeErrorCode.Internal, $"container {containerId}: the guest's answer has no usage");

    public async Task DeleteAsync(string containerId, CancellationToken cancellationToken)
    {
        try
        {
            await CallAsync(new() { Delete = new(containerId) }, cancellationToken).ConfigureAwait(false);
        }
        catch (RuntimeException e) when (e.Code == RuntimeErrorCode.NotFound)
        {
            // What is gone is removed.
        }
    }

    public async Task SendStdinAsync(string containerId, string? execId, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        var wire = await ConnectedAsync(cancellationToken).ConfigureAwait(false);
        if (!_followed.TryGetValue((containerId, execId), out var process))
        {
            return;
        }

        while (bytes.Length > 0)
        {
            var (offset, count) = await process.Stdin.ReserveAsync(bytes.Length, cancellationToken).ConfigureAwait(false);
            wire.Send(FrameKind.Input, process.Number, OffsetPayload.Input(offset, bytes.Span[..count]));
            bytes = bytes[count..];
        }
    }

    public async Task CloseStdinAsync(string containerId, string? execId, CancellationToken cancellationToken)
    {
        var wire = await ConnectedAsync(cancellationToken).ConfigureAwait(false);
        if (_followed.TryGetValue((containerId, execId), out var process))
        {
            wire.Send(FrameKind.InputEnd, process.Number);
        }
    }

    public async Task<int> OpenPortAsync(int port, CancellationToken cancellationToken)
    {
        var wire = await ConnectedAsync(cancellationToken).ConfigureAwait(false);
        var descriptor = -1;
        await CallAsync(new() { OpenPort = new(port) }, cancellationToken, answer =>
        {
            var number = answer.Connection ?? throw new InvalidDataException("an open port has no number");
            (_ports[number], descriptor) = GuestPort.Open(number, wire);
            _ = ServeAsync(number, _ports[number]);
        }).ConfigureAwait(false);
        return descriptor;
    }

    /// <summary>Nothing more is to be told of a process.</summary>
    public void Forget(string containerId, string? execId)
    {
        if (_followed.TryRemove((containerId, execId), out var process))
        {
            _processes.TryRemove(process.Number, out _);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _disposed.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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

        foreach (var (id, pending) in _pending)
        {
            _pending.TryRemove(id, out _);
            pending.Answer.TrySetException(RuntimeException.Unavailable("the connection to the guest ended before its answer; try again"));
        }

        foreach (var (number, port) in _ports)
        {
            _ports.TryRemove(number, out _);
            port.Dispose();
        }
    }

    private async Task<AgentWire> ConnectedAsync(CancellationToken cancellationToken)
    {
        Task<AgentWire> connected;
        lock (_lock)
        {
            connected = _connected.Task;
        }

        return await connected.WaitAsync(AnswerLimit, clock, cancellationToken).ConfigureAwait(false);
    }

    private async Task<GuestResponse> CallAsync(GuestRequest request, CancellationToken cancellationToken, Action<GuestResponse>? onSuccess = null, bool asksRuntime = false)
    {
        try
        {
            var wire = await ConnectedAsync(cancellationToken).ConfigureAwait(false);
            var id = Interlocked.Increment(ref _lastRequest);
            var pending = _pending[id] = new(onSuccess, asksRuntime);
            try
            {
                wire.SendMessage(FrameKind.Request, id, ProtocolJson.Write(request, ProtocolJson.Default.GuestRequest));
                return await pending.Answer.Task.WaitAsync(AnswerLimit, clock, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                _pending.TryRemove(id, out _);
            }
        }
        catch (TimeoutException)
        {
            throw new RuntimeException(RuntimeErrorCode.DeadlineExceeded, $"the guest gave no answer within {AnswerLimit.TotalSeconds:0} s");
        }
    }

    private void OnFrame(AgentWire wire, Frame frame)
    {
        if (frame.Kind == FrameKind.Part)
        {
            _parts.Add(frame);
            return;
        }

        if (frame.Kind == FrameKind.Welcome)
        {
            OnWelcome(wire, ProtocolJson.Read(_parts.Complete(frame).Span, ProtocolJson.Default.Welcome));
            return;
        }

        // What comes before the welcome is of an earlier connection.
        if (!_connected.Task.IsCompletedSuccessfully)
        {
            return;
        }

        switch (frame.Kind)
        {
            case FrameKind.Response:
                OnResponse(frame.Id, ProtocolJson.Read(_parts.Complete(frame).Span, ProtocolJson.Default.GuestResponse));
                break;
            case FrameKind.Output:
                _ = OnOutputAsync(wire, frame);
                break;
            case FrameKind.Exit:
                OnExit(wire, frame);
                break;
            case FrameKind.InputAck when _processes.TryGetValue(frame.Id, out var process) && OffsetPayload.ReadInput(frame.Payload.Span) is { } taken:
                process.Stdin.Taken(taken);
                break;
            case FrameKind.PortData when _ports.TryGetValue(frame.Id, out var port):
                port.OnData(frame.Payload);
                break;
            case FrameKind.PortAck when _ports.TryGetValue(frame.Id, out var port) && OffsetPayload.ReadPortAck(frame.Payload.Span) is { } bytes:
                port.OnTaken(bytes);
                break;
            case FrameKind.PortEnd when _ports.TryGetValue(frame.Id, out var port):
                port.OnEnd();
                break;
            case FrameKind.PortReset when _ports.TryRemove(frame.Id, out var port):
                port.Dispose();
                break;
            default:
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
        _processes.Clear();
        foreach (var container in welcome.Containers)
        {
            foreach (var process in container.Execs.Append(container.Init).OfType<GuestProcess>())
            {
                Resume(wire, container.Id, process);
            }
        }

        var known = welcome.Containers.Where(static c => c.Init is not null).Select(static c => c.Id).ToHashSet();
        foreach (var (name, process) in _followed.Where(f => !known.Contains(f.Key.Container)))
        {
            process.Events.OnLost(new() { Code = 255, FinishedAt = clock.GetUtcNow(), LostReason = $"the guest knows no container {name.Container}" });
        }

        lock (_lock)
        {
            _connected.TrySetResult(wire);
        }
    }

    // An exec of an earlier gateway has nobody who reads: its output is dropped, so that it ends.
    private void Resume(AgentWire wire, string containerId, GuestProcess process)
    {
        if (!_followed.TryGetValue((containerId, process.ExecId), out var link))
        {
            if (process.ExecId is null)
            {
                return;
            }

            link = new(new NobodysProcess());
        }

        link.Number = process.Number;
        link.Stdin.Restart(process.Stdin);
        _processes[process.Number] = link;
        var (stdout, stderr) = link.Events.Offsets;
        wire.Send(FrameKind.OutputAck, process.Number, OffsetPayload.Output(1, Math.Max(stdout, process.Stdout)));
        wire.Send(FrameKind.OutputAck, process.Number, OffsetPayload.Output(2, Math.Max(stderr, process.Stderr)));
    }

    private void Attach(string containerId, string? execId, GuestProcess? process, GuestProcessLink link)
    {
        link.Number = process?.Number ?? throw new InvalidDataException("a created process has no number");
        link.Stdin.Restart(process.Stdin);
        _followed[(containerId, execId)] = link;
        _processes[link.Number] = link;
    }

    private void OnResponse(uint id, GuestResponse response)
    {
        if (!_pending.TryRemove(id, out var pending))
        {
            return;
        }

        if (response.Error is { } error)
        {
            pending.Answer.TrySetException(new RuntimeException(
                pending.AsksRuntime && error.Code == GuestErrorCode.Unavailable ? RuntimeErrorCode.FailedPrecondition : CodeOf(error.Code), error.Message));
            return;
        }

        // Before the next frame: it may be output of the process that this one announces.
        pending.OnSuccess?.Invoke(response);
        pending.Answer.TrySetResult(response);
    }

    private async Task OnOutputAsync(AgentWire wire, Frame frame)
    {
        if (OffsetPayload.ReadOutput(frame.Payload.Span) is not var (stream, offset) || !_processes.TryGetValue(frame.Id, out var process))
        {
            return;
        }

        var bytes = frame.Payload[OffsetPayload.OutputHeader..];
        try
        {
            await process.Events.OnOutputAsync(stream == 2, offset, bytes).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            // Not acknowledged, it stays with the agent, whose container waits when it can keep no more.
            log.Write(PluginLogLevel.Error, string.Create(CultureInfo.InvariantCulture, $"{socketPath}: output of process {frame.Id} cannot be written: {e.Message}"));
            return;
        }

        wire.Send(FrameKind.OutputAck, frame.Id, OffsetPayload.Output(stream, offset + bytes.Length));
    }

    private void OnExit(AgentWire wire, Frame frame)
    {
        if (_processes.TryGetValue(frame.Id, out var process))
        {
            var exit = ProtocolJson.Read(frame.Payload.Span, ProtocolJson.Default.GuestExit);
            process.Events.OnExit(new()
            {
                Code = exit.Code & 0xFF,
                FinishedAt = clock.GetUtcNow() - TimeSpan.FromMilliseconds(Math.Clamp(exit.AgeMilliseconds, 0, int.MaxValue)),
                OutOfMemory = exit.OutOfMemory,
            });
            wire.Send(FrameKind.ExitAck, frame.Id);
        }
    }

    private async Task ServeAsync(uint number, GuestPort port)
    {
        await port.RunAsync(_disposed.Token).ConfigureAwait(false);
        _ports.TryRemove(number, out _);
        port.Dispose();
    }

    private static RuntimeErrorCode CodeOf(GuestErrorCode code) => code switch
    {
        GuestErrorCode.InvalidArgument => RuntimeErrorCode.InvalidArgument,
        GuestErrorCode.NotFound => RuntimeErrorCode.NotFound,
        GuestErrorCode.FailedPrecondition => RuntimeErrorCode.FailedPrecondition,
        GuestErrorCode.Unavailable => RuntimeErrorCode.Unavailable,
        _ => RuntimeErrorCode.Internal,
    };

    private sealed class Pending(Action<GuestResponse>? onSuccess, bool asksRuntime)
    {
        // The runtime's own refusal: nothing that a retry would mend.
        public bool AsksRuntime => asksRuntime;

        public Action<GuestResponse>? OnSuccess => onSuccess;

        public TaskCompletionSource<GuestResponse> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class NobodysProcess : IProcessEvents
    {
        public (long Stdout, long Stderr) Offsets => (0, 0);

        public ValueTask OnOutputAsync(bool isStderr, long offset, ReadOnlyMemory<byte> bytes) => ValueTask.CompletedTask;

        public void OnExit(ProcessExit exit)
        {
        }

        public void OnLost(ProcessExit exit)
        {
        }
    }
}

/// <summary>A process of the guest that somebody follows.</summary>
internal sealed class GuestProcessLink(IProcessEvents events)
{
    public IProcessEvents Events => events;

    public GuestStream Stdin { get; } = new();

    public uint Number { get; set; }
}
