using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Tests.Hostile;

/// <summary>A container of nothing at all; it runs until it gets a signal, and hangs where it is told to.</summary>
internal sealed class HostileContainer(string id, Hanging hanging) : IContainer
{
    public string Id => id;

    public IProcess Init { get; } = new HostileProcess(hanging);

    public Task<IProcess> ExecAsync(ExecRequest request, CancellationToken cancellationToken)
    {
        hanging.In("exec");
        throw RuntimeException.NotSupported("Exec");
    }

    public Task<IAttachment> AttachAsync(AttachRequest request, CancellationToken cancellationToken)
    {
        hanging.In("attach");
        throw RuntimeException.NotSupported("Attach");
    }

    public Task CheckpointAsync(CheckpointRequest request, CancellationToken cancellationToken) => hanging.InAsync("checkpoint");

    public Task UpdateAsync(JsonElement linuxResources, CancellationToken cancellationToken) => hanging.InAsync("update");

    public Task<IReadOnlyList<int>> PidsAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<int>>([]);

    public Task ReopenLogAsync(CancellationToken cancellationToken) => hanging.InAsync("reopen-log");
}

/// <summary>Its only process.</summary>
internal sealed class HostileProcess(Hanging hanging) : IProcess
{
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Pid => 0;

    public Task<ProcessExit> Exit => _exit.Task;

    public Task StartAsync(CancellationToken cancellationToken) => hanging.InAsync("start");

    public Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        hanging.In("signal");
        _exit.TrySetResult(new() { Code = 128 + signal, FinishedAt = TimeProvider.System.GetUtcNow() });
        return Task.CompletedTask;
    }
}

/// <summary>
/// Where calls hang: the name of the pod, or of the handler's deed, says it. A file beside the handler's own tells the test that one does;
/// another one lets go of them all.
/// </summary>
internal sealed class Hanging(string pod, string folder)
{
    public void In(string verb)
    {
        if (pod == $"hangs-in-{verb}")
        {
            File.WriteAllText(Path.Combine(folder, pod), "");
            while (!File.Exists(Path.Combine(folder, "lets-go")))
            {
                Thread.Sleep(20);
            }
        }
    }

    public Task InAsync(string verb)
    {
        In(verb);
        return Task.CompletedTask;
    }
}
