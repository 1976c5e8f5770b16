using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Metrics;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>What <c>ContainerStatus.reason</c> may say; kubelets compare these words.</summary>
public static class ExitReasons
{
    public const string Completed = "Completed";
    public const string Error = "Error";
    public const string OomKilled = "OOMKilled";
    public const string StartError = "StartError";
    public const string Unknown = "Unknown";
}

/// <summary>Records the end of every container, once, whoever ended it.</summary>
public sealed class ContainerExits(ContainerRegistry registry, SandboxRegistry sandboxes, CgroupSampler sampler, ILogger<ContainerExits> log)
{
    private readonly ConcurrentDictionary<string, Watched> _watches = new();

    /// <summary>Watches a container that was created or adopted. Where another object of it was watched, that one no longer counts.</summary>
    public void Watch(IContainer container)
    {
        var watched = _watches.AddOrUpdate(
            container.Id, static (_, c) => new(c, new(TaskCreationOptions.RunContinuationsAsynchronously)), static (_, w, c) => w with { Container = c }, container);
        _ = WatchAsync(watched.Container);
    }

    /// <summary>Completes when the container's end is recorded; at once if nothing watches it.</summary>
    public Task RecordedAsync(string id) => _watches.GetValueOrDefault(id)?.Recorded.Task ?? Task.CompletedTask;

    public void Forget(string id) => _watches.TryRemove(id, out _);

    /// <summary>Records an end that the handler did not report.</summary>
    public void Record(string id, ProcessExit exit)
    {
        sampler.Unregister(id);
        var recorded = false;
        var container = registry.Update(id, c =>
        {
            recorded = c.Phase is ContainerPhase.Created or ContainerPhase.Starting or ContainerPhase.Running;
            return recorded ? Ended(c, exit) : c;
        });
        if (recorded)
        {
            ContainerLog.Exited(log, id, sandboxes.Get(container!.SandboxId)?.Handler ?? "no handler", exit.Code, Reason(exit));
        }

        _watches.GetValueOrDefault(id)?.Recorded.TrySetResult();
    }

    private async Task WatchAsync(IContainer container)
    {
        var exit = await container.Init.Exit;
        if (ReferenceEquals(_watches.GetValueOrDefault(container.Id)?.Container, container))
        {
            Record(container.Id, exit);
        }
    }

    private static Container Ended(Container container, ProcessExit exit)
    {
        var started = container.StartedAt ?? container.CreatedAt;
        return container with
        {
            Phase = ContainerPhase.Exited,
            StartedAt = started,
            // The time of a file has the grain of the kernel's tick, some milliseconds.
            FinishedAt = exit.FinishedAt < started ? started : exit.FinishedAt,
            ExitCode = exit.Code,
            Reason = Reason(exit),
            Message = exit.LostReason ?? "",
            Pid = 0,
        };
    }

    private static string Reason(ProcessExit exit) => exit switch
    {
        { LostReason: not null } => ExitReasons.Unknown,
        { OutOfMemory: true } => ExitReasons.OomKilled,
        { Code: 0 } => ExitReasons.Completed,
        _ => ExitReasons.Error,
    };

    private sealed record Watched(IContainer Container, TaskCompletionSource Recorded);
}
