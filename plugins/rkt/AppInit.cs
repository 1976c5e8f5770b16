using System.Text.Json;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>An app's first process, under a supervisor that lives: created, then running, then ended.</summary>
internal sealed class AppInit : IProcess
{
    private const int SigKill = 9;
    private readonly Stage1 _stage1;
    private readonly AppFolder _app;
    private readonly CreateContainerRequest _request;
    private readonly Monitor _monitor;
    private readonly PidFd? _process;
    private readonly ContainerCgroup _cgroup;
    private readonly Tools _tools;
    private readonly SharedRun _start = new();

    public AppInit(Stage1 stage1, AppFolder app, CreateContainerRequest request, Monitor monitor, PidFd? process, ContainerCgroup cgroup, bool started, Tools tools)
    {
        (_stage1, _app, _request, _monitor, _process, _cgroup, _tools) = (stage1, app, request, monitor, process, cgroup, tools);
        Pid = process?.Pid ?? 0;
        Control = new(app.Id, app.Path, monitor, tools.Clock);
        if (started)
        {
            _ = _start.RunAsync(static () => Task.CompletedTask);
        }

        Exit = FollowAsync();
    }

    public int Pid { get; }

    public Task<ProcessExit> Exit { get; }

    public MonitorControl Control { get; }

    public Task StartAsync(CancellationToken cancellationToken) => _start.RunAsync(() => StartOnceAsync(cancellationToken));

    public Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        SignalNumber.Validate(signal);
        if (scope == SignalScope.Process)
        {
            _process?.Signal(signal);
        }
        else if (!Exit.IsCompleted)
        {
            _cgroup.Signal(signal, static _ => true);
        }

        return Task.CompletedTask;
    }

    public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken)
    {
        if (!_request.Terminal || columns is < 1 or > 1000 || rows is < 1 or > 1000)
        {
            throw RuntimeException.InvalidArgument($"container {_app.Id}: cannot resize to {columns}x{rows}: it needs a terminal, and 1 to 1000 cells each way");
        }

        Control.Resize(columns, rows);
        return Task.CompletedTask;
    }

    public Task CloseStdinAsync(CancellationToken cancellationToken) => _request switch
    {
        _ when Exit.IsCompleted => Task.CompletedTask,
        { Stdin: false } => Task.CompletedTask,
        { StdinOnce: true } => Control.CloseStdinAsync(cancellationToken),
        _ => throw RuntimeException.FailedPrecondition($"container {_app.Id}: its standard input was created to stay open (stdin without stdinOnce)"),
    };

    private async Task StartOnceAsync(CancellationToken cancellationToken)
    {
        var result = await _tools.Runtime.RunAsync(_stage1, ["start", _app.Id], cancellationToken).ConfigureAwait(false);
        if (result.ExitCode != 0 && !await IsRunningAsync(cancellationToken).ConfigureAwait(false))
        {
            _process?.Signal(SigKill);
            await Exit.ConfigureAwait(false);
            throw RuntimeException.FailedPrecondition($"container {_app.Id} cannot start: {result.Error}");
        }

        File.WriteAllText(_app.Started, "");
    }

    // A start may have worked although its answer never came: the gateway was killed, or the call given up.
    private async Task<bool> IsRunningAsync(CancellationToken cancellationToken)
    {
        var result = await _tools.Runtime.RunAsync(_stage1, ["state", _app.Id], cancellationToken).ConfigureAwait(false);
        try
        {
            return result.ExitCode == 0 && JsonSerializer.Deserialize<JsonElement>(result.Output).GetProperty("status").ValueEquals("running");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw RuntimeException.Unavailable($"container {_app.Id}: the runtime's state is not understood: {e.Message}", e);
        }
    }

    private async Task<ProcessExit> FollowAsync()
    {
        await Control.EndedAsync(_process).ConfigureAwait(false);
        try
        {
            // An init takes its PID namespace along. Without one of its own, or without a supervisor, others of the app may live on.
            await _cgroup.KillAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or IOException)
        {
            _tools.Log.Write(PluginLogLevel.Error, $"container {_app.Id} has ended, but processes of it may be left: {e.Message}");
        }

        _process?.Dispose();
        return Read(_app, _cgroup) ?? ExitFile.Lost($"its supervisor (pid {_monitor.Pid}) was killed, or its machine", _tools.Clock);
    }

    /// <summary>How it ended, as its supervisor wrote it; null if it did not.</summary>
    public static ProcessExit? Read(AppFolder app, ContainerCgroup cgroup) =>
        ExitFile.Read(app.Status) is { } exit ? exit with { OutOfMemory = cgroup.WasOutOfMemory() } : null;
}
