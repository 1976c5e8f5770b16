using Berth.Abstractions;

namespace Example;

/// <summary>A container, made or adopted.</summary>
internal sealed class ExampleContainer(Tools tools, CreateContainerRequest request, IProcess init) : IContainer
{
    private static readonly TimeSpan ReopenLimit = TimeSpan.FromSeconds(5);

    public string Id => request.ContainerId;

    public IProcess Init => init;

    public Task<IProcess> ExecAsync(ExecRequest exec, CancellationToken cancellationToken)
    {
        DemandRunning("exec");
        return Task.FromResult<IProcess>(new ExampleExec(tools, request, exec));
    }

    public async Task UpdateAsync(System.Text.Json.JsonElement linuxResources, CancellationToken cancellationToken)
    {
        DemandRunning("update");
        var file = Path.Combine(request.PrivateDirectory, "update.json");
        await File.WriteAllTextAsync(file, linuxResources.GetRawText(), cancellationToken);
        var result = await tools.RuntimeAsync(["update", "--resources", file, Id], cancellationToken);
        if (result.Code != 0)
        {
            throw RuntimeException.FailedPrecondition($"container {Id}: the runtime refused the new limits: {result.Error}");
        }
    }

    public Task<IReadOnlyList<int>> PidsAsync(CancellationToken cancellationToken) => Task.FromResult(ContainerCgroup.Pids(request));

    public async Task ReopenLogAsync(CancellationToken cancellationToken)
    {
        DemandRunning("reopen log");
        var limit = TimeProvider.System.GetTimestamp();
        for (var sent = false; Monitors.Find(Id) is { } monitor && !Monitors.WritesTo(monitor, request.LogPath); sent = true)
        {
            if (!sent)
            {
                await File.WriteAllTextAsync(Path.Combine(request.BundlePath, "ctl"), "2 0 0\n", cancellationToken);
            }

            if (TimeProvider.System.GetElapsedTime(limit) > ReopenLimit)
            {
                throw new RuntimeException(RuntimeErrorCode.DeadlineExceeded, $"container {Id}: its monitor did not open {request.LogPath} again");
            }

            await Task.Delay(5, cancellationToken);
        }
    }

    private void DemandRunning(string verb)
    {
        if (init.Exit.IsCompleted)
        {
            throw RuntimeException.FailedPrecondition($"{verb}: container {Id} has ended");
        }
    }
}

/// <summary>An init that the runtime would not have: its start says why.</summary>
internal sealed class RefusedInit(string refusal) : IProcess
{
    public int Pid => 0;

    public Task<ProcessExit> Exit { get; } = Task.FromResult(new ProcessExit { Code = 128, FinishedAt = TimeProvider.System.GetUtcNow() });

    public Task StartAsync(CancellationToken cancellationToken) => throw RuntimeException.FailedPrecondition(refusal);

    public Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken) => Task.CompletedTask;
}
