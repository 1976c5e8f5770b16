using System.Globalization;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>A container's first process, under a monitor that lives: created, then running, then ended.</summary>
internal sealed class OciInit : IProcess
{
    private const int SigKill = 9;
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(10);

    private readonly MonitoredContainer _container;
    private readonly OciState _state;
    private readonly Monitor _monitor;
    private readonly HandlerTools _tools;
    private readonly ContainerCgroup _cgroup;
    private readonly PidFd? _process;
    private readonly bool _started;
    private readonly SharedRun _start = new();
    private volatile bool _startAsked;

    public OciInit(MonitoredContainer container, OciState state, Monitor monitor, int pid, bool started, HandlerTools tools)
    {
        (_container, _state, _monitor, _started, _tools) = (container, state, monitor, started, tools);
        Pid = pid;
        Control = new(container.Id, container.Bundle, monitor, tools.Clock);
        _cgroup = tools.CgroupOf(state);
        _process = monitor.OpenChild(pid);
        Exit = FollowAsync();
    }

    public int Pid { get; }

    public Task<ProcessExit> Exit { get; }

    public MonitorControl Control { get; }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _startAsked = true;
        return _started ? Task.CompletedTask : _start.RunAsync(() => StartOnceAsync(cancellationToken));
    }

    public async Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        SignalNumber.Validate(signal);
        if (Exit.IsCompleted)
        {
            return;
        }

        switch (_tools.Options.Signals, scope)
        {
            case (SignalPath.Runtime, _) when signal == SigKill && !_started && !_startAsked:
                // Runtimes with a kernel of their own have nothing yet that a signal could reach; their sandbox's process ends it.
                _process?.Signal(signal);
                break;
            case (SignalPath.Runtime, _):
                await SignalByRuntimeAsync(signal, scope, cancellationToken).ConfigureAwait(false);
                break;
            case (_, SignalScope.Process):
                _process?.Signal(signal);
                break;
            default:
                _cgroup.Signal(signal, static _ => true);
                break;
        }
    }

    public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken)
    {
        if (!_container.Terminal || columns is < 1 or > 1000 || rows is < 1 or > 1000)
        {
            throw RuntimeException.InvalidArgument(
                $"container {_container.Id}: cannot resize to {columns}x{rows}: it needs a terminal, and 1 to 1000 cells each way");
        }

        Control.Resize(columns, rows);
        return Task.CompletedTask;
    }

    public Task CloseStdinAsync(CancellationToken cancellationToken) => _container switch
    {
        _ when Exit.IsCompleted => Task.CompletedTask,
        { Stdin: false } => Task.CompletedTask,
        { StdinOnce: true } => Control.CloseStdinAsync(cancellationToken),
        _ => throw RuntimeException.FailedPrecondition($"container {_container.Id}: its standard input was created to stay open (stdin without stdinOnce)"),
    };

    private async Task StartOnceAsync(CancellationToken cancellationToken)
    {
        var result = await _tools.Runtime.RunAsync(_state.RuntimeRoot, ["start", _container.Id], cancellationToken).ConfigureAwait(false);
        if (result.ExitCode != 0 && !await IsRunningAsync(cancellationToken).ConfigureAwait(false))
        {
            await EndAsync().ConfigureAwait(false);
            throw RuntimeException.FailedPrecondition($"container {_container.Id} cannot start: {result.Error}");
        }
    }

    private async Task<ProcessExit> FollowAsync()
    {
        await Control.EndedAsync(_process).ConfigureAwait(false);
        var exit = await ExitWatch.WaitAsync(
            _container.Id, _monitor, _container.Files, _cgroup, () => _process?.Signal(SigKill), _tools).ConfigureAwait(false);
        _process?.Dispose();
        return exit;
    }

    private async Task SignalByRuntimeAsync(int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        var all = scope == SignalScope.All ? (string[])["--all"] : [];
        var result = await _tools.Runtime.RunAsync(
            _state.RuntimeRoot, ["kill", .. all, _container.Id, signal.ToString(CultureInfo.InvariantCulture)], cancellationToken).ConfigureAwait(false);
        if (result.ExitCode != 0 && await IsRunningAsync(cancellationToken).ConfigureAwait(false))
        {
            throw RuntimeException.Unavailable($"container {_container.Id}: the runtime does not send signal {signal}: {result.Error}");
        }
    }

    // A start may have worked although its answer never came: the gateway was killed, or the call given up.
    private async Task<bool> IsRunningAsync(CancellationToken cancellationToken)
    {
        var result = await _tools.Runtime.RunAsync(_state.RuntimeRoot, ["state", _container.Id], cancellationToken).ConfigureAwait(false);
        if (result.ExitCode != 0)
        {
            return false;
        }

        try
        {
            using var state = JsonDocument.Parse(result.Output);
            return state.RootElement.TryGetProperty("status", out var status) && status.ValueEquals("running");
        }
        catch (JsonException e)
        {
            throw RuntimeException.Unavailable($"container {_container.Id}: the runtime's state is no JSON: {e.Message}", e);
        }
    }

    private async Task EndAsync()
    {
        _process?.Signal(SigKill);
        try
        {
            await Exit.WaitAsync(EndLimit, _tools.Clock).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            _monitor.Kill();
            await Exit.ConfigureAwait(false);
        }
    }
}
