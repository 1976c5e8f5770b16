using System.Globalization;
using Berth.Abstractions;

namespace Example;

/// <summary>A container's first process: created, then running, then ended.</summary>
internal sealed class ExampleInit : IProcess
{
    private readonly Tools _tools;
    private readonly CreateContainerRequest _request;
    private readonly SemaphoreSlim _starting = new(1);
    private bool _started;

    public ExampleInit(Tools tools, CreateContainerRequest request, int pid, bool started)
    {
        (_tools, _request, Pid, _started) = (tools, request, pid, started);
        Exit = FollowAsync();
    }

    public int Pid { get; }

    public Task<ProcessExit> Exit { get; }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await _starting.WaitAsync(cancellationToken);
        try
        {
            if (!_started)
            {
                var result = await _tools.RuntimeAsync(["start", _request.ContainerId], cancellationToken);
                // An answer that never came, for the gateway was killed, may have been a yes.
                if (result.Code != 0 && !await IsAsync("running", cancellationToken))
                {
                    await SignalAsync(9, SignalScope.All, CancellationToken.None);
                    await Exit;
                    throw RuntimeException.FailedPrecondition($"container {_request.ContainerId} cannot start: {result.Error}");
                }

                _started = true;
            }
        }
        finally
        {
            _starting.Release();
        }
    }

    public async Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        if (signal is < 1 or > 64)
        {
            throw RuntimeException.InvalidArgument($"{signal} is no signal");
        }

        if (Exit.IsCompleted)
        {
            return;
        }

        string[] all = scope == SignalScope.All ? ["--all"] : [];
        var result = await _tools.RuntimeAsync(["kill", .. all, _request.ContainerId, signal.ToString(CultureInfo.InvariantCulture)], cancellationToken);
        if (result.Code != 0 && await IsAsync("running", cancellationToken))
        {
            throw RuntimeException.Unavailable($"container {_request.ContainerId}: signal {signal} was not sent: {result.Error}");
        }
    }

    // The monitor writes the status into a file and ends. One that was killed takes the status with it.
    private async Task<ProcessExit> FollowAsync()
    {
        await Monitors.EndAsync(_request.ContainerId);
        var exit = await Files.ExitAsync(_request);
        if (exit is null)
        {
            await _tools.RuntimeAsync(["kill", "--all", _request.ContainerId, "9"], CancellationToken.None);
            return new() { Code = 255, FinishedAt = TimeProvider.System.GetUtcNow(), LostReason = "its monitor was killed, or never was" };
        }

        return exit with { OutOfMemory = exit.OutOfMemory || ContainerCgroup.WasOutOfMemory(_request) };
    }

    private async Task<bool> IsAsync(string status, CancellationToken cancellationToken)
    {
        var state = await _tools.RuntimeAsync(["state", _request.ContainerId], cancellationToken);
        return state.Code == 0 && System.Text.Json.JsonElement.Parse(state.Output).GetProperty("status").ValueEquals(status);
    }
}
