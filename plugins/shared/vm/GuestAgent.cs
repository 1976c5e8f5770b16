using System.Text;
using Berth.Abstractions;
using Berth.Guest.Protocol;

namespace Berth.Plugins.Vm;

/// <summary>
/// The agent in a guest: its verbs. They go over one connection, which is made anew when it breaks, and by the next process after
/// a restart; the agent then tells what it has, and goes on with each stream where it was.
/// </summary>
internal sealed class GuestAgent : IAsyncDisposable
{
    private readonly GuestRequests _requests;
    private readonly GuestProcesses _processes;
    private readonly GuestPorts _ports = new();
    private readonly GuestConnection _connection;
    private readonly TimeProvider _clock;

    public GuestAgent(string socketPath, IPluginLog log, TimeProvider clock)
    {
        _clock = clock;
        _requests = new(clock);
        _processes = new(log, clock);
        _connection = new(socketPath, _requests, _processes, _ports, log, clock);
    }

    public GuestFacts? Facts => _connection.Facts;

    /// <summary>Begins to connect, and to stay connected.</summary>
    public void Begin() => _connection.Begin();

    /// <summary>Completes when the agent has answered.</summary>
    public Task ReadyAsync(CancellationToken cancellationToken) => _connection.ReadyAsync(cancellationToken);

    /// <summary>Follows a process of an earlier connection; before <see cref="Begin"/>.</summary>
    public void Follow(string containerId, string? execId, IProcessEvents events) => _processes.Follow(containerId, execId, events);

    /// <summary>Nothing more is to be told of a process.</summary>
    public void Forget(string containerId, string? execId) => _processes.Forget(containerId, execId);

    public Task SetUpPodAsync(Configure setup, string? shareTag, CancellationToken cancellationToken) => Task.WhenAll(
        AskAsync(new() { Configure = setup }, GuestLimits.Made, cancellationToken),
        shareTag is null ? Task.CompletedTask : AskAsync(new() { MountShare = new(shareTag) }, GuestLimits.Made, cancellationToken));

    public Task MountDiskAsync(MountDisk disk, CancellationToken cancellationToken) => AskAsync(new() { MountDisk = disk }, GuestLimits.Made, cancellationToken);

    public Task WriteFilesAsync(WriteFiles files, CancellationToken cancellationToken) => AskAsync(new() { WriteFiles = files }, GuestLimits.Made, cancellationToken);

    /// <summary>A file as the container left it, at most so many bytes; null if it is not there.</summary>
    public async Task<byte[]?> ReadFileAsync(string containerId, string name, int maxBytes, CancellationToken cancellationToken) =>
        (await AskAsync(new() { ReadFiles = new(containerId, [name], maxBytes) }, GuestLimits.Made, cancellationToken).ConfigureAwait(false)).Files?.GetValueOrDefault(name);

    public Task CreateAsync(string containerId, byte[] config, bool stdin, IProcessEvents events, CancellationToken cancellationToken) => AskAsync(
        new() { Create = new() { ContainerId = containerId, Config = Encoding.UTF8.GetString(config), Stdin = stdin } },
        GuestLimits.Made,
        cancellationToken,
        (_, answer) => _processes.Add(containerId, null, answer.Process, events),
        asksRuntime: true);

    public Task StartAsync(string containerId, CancellationToken cancellationToken) => AskAsync(new() { Start = new(containerId) }, GuestLimits.Made, cancellationToken, asksRuntime: true);

    public Task ExecAsync(string containerId, string execId, byte[] process, bool stdin, IProcessEvents events, CancellationToken cancellationToken) => AskAsync(
        new() { Exec = new() { ContainerId = containerId, ExecId = execId, Process = Encoding.UTF8.GetString(process), Stdin = stdin } },
        GuestLimits.Made,
        cancellationToken,
        (_, answer) => _processes.Add(containerId, execId, answer.Process, events),
        asksRuntime: true);

    /// <summary>Sends a signal; to what is gone with success.</summary>
    public Task SignalAsync(string containerId, string? execId, int signal, bool all, CancellationToken cancellationToken) =>
        IfThereAsync(new() { Signal = new(containerId, execId, signal, all) }, GuestLimits.Told, cancellationToken);

    /// <summary>Sets the size of a terminal; of one that is gone with success.</summary>
    public Task ResizeAsync(string containerId, string? execId, int columns, int rows, CancellationToken cancellationToken) =>
        IfThereAsync(new() { Resize = new(containerId, execId, columns, rows) }, GuestLimits.Told, cancellationToken);

    public Task UpdateAsync(string containerId, byte[] resources, CancellationToken cancellationToken) =>
        AskAsync(new() { Update = new(containerId, Encoding.UTF8.GetString(resources)) }, GuestLimits.Changed, cancellationToken);

    public async Task<GuestStats> StatsAsync(string containerId, CancellationToken cancellationToken) =>
        (await AskAsync(new() { Stats = new(containerId) }, GuestLimits.Told, cancellationToken).ConfigureAwait(false)).Stats
        ?? throw new RuntimeException(RuntimeErrorCode.Internal, $"container {containerId}: the guest's answer has no usage");

    /// <summary>Removes a container; absent is success.</summary>
    public Task DeleteAsync(string containerId, CancellationToken cancellationToken) => IfThereAsync(new() { Delete = new(containerId) }, GuestLimits.Changed, cancellationToken);

    public async Task SendStdinAsync(string containerId, string? execId, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        var wire = await _connection.WireAsync(GuestLimits.Told, cancellationToken).ConfigureAwait(false);
        await _processes.SendStdinAsync(wire, containerId, execId, bytes, cancellationToken).ConfigureAwait(false);
    }

    public async Task CloseStdinAsync(string containerId, string? execId, CancellationToken cancellationToken)
    {
        var wire = await _connection.WireAsync(GuestLimits.Told, cancellationToken).ConfigureAwait(false);
        _processes.CloseStdin(wire, containerId, execId);
    }

    /// <summary>Connects to a port of the guest's loopback.</summary>
    /// <returns>A descriptor, the caller's.</returns>
    public async Task<int> OpenPortAsync(int port, CancellationToken cancellationToken)
    {
        var descriptor = -1;
        await AskAsync(new() { OpenPort = new(port) }, GuestLimits.Told, cancellationToken, (wire, answer) => descriptor = _ports.Open(wire, answer.Connection)).ConfigureAwait(false);
        return descriptor;
    }

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync().ConfigureAwait(false);
        _processes.Dispose();
    }

    private async Task IfThereAsync(GuestRequest request, TimeSpan limit, CancellationToken cancellationToken)
    {
        try
        {
            await AskAsync(request, limit, cancellationToken).ConfigureAwait(false);
        }
        catch (RuntimeException e) when (e.Code == RuntimeErrorCode.NotFound)
        {
            // It has ended, or was never there.
        }
    }

    // The time until there is a connection counts.
    private async Task<GuestResponse> AskAsync(
        GuestRequest request, TimeSpan limit, CancellationToken cancellationToken, Action<AgentWire, GuestResponse>? onSuccess = null, bool asksRuntime = false)
    {
        var began = _clock.GetTimestamp();
        var wire = await _connection.WireAsync(limit, cancellationToken).ConfigureAwait(false);
        var left = limit - _clock.GetElapsedTime(began);
        return await _requests.AskAsync(
            wire, request, left > TimeSpan.Zero ? left : TimeSpan.Zero, cancellationToken, onSuccess is null ? null : answer => onSuccess(wire, answer), asksRuntime).ConfigureAwait(false);
    }
}
