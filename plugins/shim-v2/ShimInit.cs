using Berth.Abstractions;
using Berth.Plugins.ShimV2.Protocol;
using Berth.Plugins.ShimV2.Ttrpc;

namespace Berth.Plugins.ShimV2;

/// <summary>A container's first process, under a shim that lives: created, then running, then ended.</summary>
internal sealed class ShimInit : IProcess
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(10);
    private readonly ContainerFacts _facts;
    private readonly Shim _shim;
    private readonly PodLog _log;
    private readonly ShimTools _tools;
    private readonly ContainerCgroup _cgroup;
    private readonly bool _started;
    private readonly SharedRun _start = new();

    public ShimInit(ContainerFacts facts, Shim shim, PodLog log, int pid, bool started, ShimTools tools)
    {
        (_facts, _shim, _log, _started, _tools) = (facts, shim, log, started, tools);
        Pid = pid;
        _cgroup = new(tools.Cgroups, facts.State.Cgroup);
        Clients = new(tools.Clock);
        Exit = FollowAsync();
    }

    public int Pid { get; }

    public Task<ProcessExit> Exit { get; }

    public Shim Shim => _shim;

    /// <summary>Who is attached to it.</summary>
    public AttachedClients Clients { get; }

    public Task StartAsync(CancellationToken cancellationToken) =>
        _started ? Task.CompletedTask : _start.RunAsync(() => StartOnceAsync(cancellationToken));

    public async Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        SignalNumber.Validate(signal);
        if (!Exit.IsCompleted)
        {
            await Call(_shim.KillAsync(_facts.Id, "", signal, scope == SignalScope.All, cancellationToken)).ConfigureAwait(false);
        }
    }

    public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken) =>
        !_facts.Terminal || columns is < 1 or > 1000 || rows is < 1 or > 1000
            ? throw RuntimeException.InvalidArgument(
                $"container {_facts.Id}: cannot resize to {columns}x{rows}: it needs a terminal, and 1 to 1000 cells each way")
            : Call(_shim.ResizeAsync(_facts.Id, "", columns, rows, cancellationToken));

    public Task CloseStdinAsync(CancellationToken cancellationToken) => _facts switch
    {
        _ when Exit.IsCompleted => Task.CompletedTask,
        { Stdin: false } => Task.CompletedTask,
        { StdinOnce: true } => Call(_shim.CloseStdinAsync(_facts.Id, "", cancellationToken)),
        _ => throw RuntimeException.FailedPrecondition($"container {_facts.Id}: its standard input was created to stay open (stdin without stdinOnce)"),
    };

    private async Task StartOnceAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _shim.StartAsync(_facts.Id, "", cancellationToken).ConfigureAwait(false);
        }
        catch (TtrpcException e)
        {
            if (await IsRunningAsync(cancellationToken).ConfigureAwait(false))
            {
                return;
            }

            await EndAsync().ConfigureAwait(false);
            throw RuntimeException.FailedPrecondition($"container {_facts.Id} cannot start: {e.Message}");
        }
    }

    // A start may have worked although its answer never came: the gateway was killed, or the call given up.
    private async Task<bool> IsRunningAsync(CancellationToken cancellationToken)
    {
        try
        {
            return (await _shim.StateAsync(_facts.Id, cancellationToken).ConfigureAwait(false)).Status == ContainerStatus.Running;
        }
        catch (TtrpcException)
        {
            return false;
        }
    }

    private async Task EndAsync()
    {
        try
        {
            await _shim.KillAsync(_facts.Id, "", SignalNumber.Kill, all: true, CancellationToken.None).ConfigureAwait(false);
            await Exit.WaitAsync(EndLimit, _tools.Clock).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or TtrpcException)
        {
            _tools.Log.Write(PluginLogLevel.Warning, $"container {_facts.Id} could not start, and does not end: {e.Message}");
        }
    }

    private async Task<ProcessExit> FollowAsync()
    {
        ProcessExit exit;
        try
        {
            exit = ExitOf(await _shim.WaitAsync(_facts.Id, "").ConfigureAwait(false), _tools.Clock);
        }
        catch (TtrpcException e)
        {
            exit = ShimTools.Lost(_shim.Pid == 0 ? $"its shim: {e.Message}" : $"its shim (pid {_shim.Pid}): {e.Message}", _tools.Clock);
        }

        return await Clients.LetGoUntilAsync(ContainerEnd.SettleAsync(_facts.Id, exit, _shim, _facts, _cgroup, _log, _tools)).ConfigureAwait(false);
    }

    /// <summary>An exit as a shim reports it.</summary>
    public static ProcessExit ExitOf(WaitResponse response, TimeProvider clock) => new()
    {
        Code = response.ExitStatus <= 255 ? (int)response.ExitStatus : 255,
        FinishedAt = response.ExitedAt is { Seconds: > 0 } time ? time.ToDateTimeOffset() : clock.GetUtcNow(),
        LostReason = response.ExitStatus <= 255 ? null : $"the shim reports the status {response.ExitStatus}",
    };

    private async Task Call(Task call)
    {
        try
        {
            await call.ConfigureAwait(false);
        }
        catch (TtrpcException) when (Exit.IsCompleted)
        {
            // It ended meanwhile.
        }
        catch (TtrpcException e)
        {
            throw Shim.Failure($"container {_facts.Id}", e);
        }
    }
}
