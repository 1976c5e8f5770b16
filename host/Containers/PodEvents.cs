using System.Threading.Channels;
using Berth.Abstractions;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>
/// Tells every change of pods and containers to whoever listens, in the order in which they happened. It is fed by the records
/// themselves, so there is no change that lists show and events do not.
/// </summary>
public sealed class PodEvents
{
    // About what 100 pods that start at once make of events while a kubelet is busy.
    private const int MaxUnread = 1024;

    private readonly SandboxRegistry _sandboxes;
    private readonly ContainerRegistry _containers;
    private readonly TimeProvider _time;

    // Held only for moments, and nothing is called under it that takes a registry's lock.
    private readonly Lock _gate = new();
    private readonly HashSet<Channel<PodEvent>> _readers = [];

    // Creates that were taken back: nobody heard of them, so nobody is told of their end.
    private readonly HashSet<string> _undone = [];
    private DateTimeOffset _last;

    public PodEvents(SandboxRegistry sandboxes, ContainerRegistry containers, TimeProvider time)
    {
        (_sandboxes, _containers, _time) = (sandboxes, containers, time);
        sandboxes.Changed += OnSandbox;
        containers.Changed += OnContainer;
    }

    /// <summary>Begins to listen: the events from now on.</summary>
    public PodEventReader Listen()
    {
        var channel = Channel.CreateBounded<PodEvent>(new BoundedChannelOptions(MaxUnread) { SingleReader = true });
        lock (_gate)
        {
            _readers.Add(channel);
        }

        return new(channel.Reader, () =>
        {
            lock (_gate)
            {
                _readers.Remove(channel);
            }
        });
    }

    private void OnSandbox(Sandbox? before, Sandbox? after)
    {
        var sandbox = (after ?? before)!;
        foreach (var type in TypesOf(before?.Phase, after?.Phase))
        {
            Publish(sandbox.Id, type, sandbox);
        }
    }

    private void OnContainer(Container? before, Container? after)
    {
        var container = (after ?? before)!;
        var types = TypesOf(before?.Phase, after?.Phase, after?.Reason);
        if (types.Length > 0 && _sandboxes.Get(container.SandboxId) is { } sandbox)
        {
            foreach (var type in types)
            {
                Publish(container.Id, type, sandbox);
            }
        }
    }

    private static PodEventType[] TypesOf(SandboxPhase? before, SandboxPhase? after) => (before, after) switch
    {
        (SandboxPhase.Creating, SandboxPhase.Ready) => [PodEventType.Created, PodEventType.Started],
        (SandboxPhase.Ready or SandboxPhase.Stopping, SandboxPhase.NotReady or SandboxPhase.Removing) => [PodEventType.Stopped],
        (SandboxPhase.Creating, SandboxPhase.Removing) => [PodEventType.Undone],
        (not null, null) => [PodEventType.Deleted],
        _ => [],
    };

    private static PodEventType[] TypesOf(ContainerPhase? before, ContainerPhase? after, string? reason) => (before, after) switch
    {
        (ContainerPhase.Creating, ContainerPhase.Created) => [PodEventType.Created],
        (not ContainerPhase.Running, ContainerPhase.Running) => [PodEventType.Started],
        // A short command has ended before the answer to its start.
        (ContainerPhase.Starting, ContainerPhase.Exited) when reason != ExitReasons.StartError => [PodEventType.Started, PodEventType.Stopped],
        (not ContainerPhase.Exited, ContainerPhase.Exited) => [PodEventType.Stopped],
        (ContainerPhase.Creating, ContainerPhase.Removing) => [PodEventType.Undone],
        (not null, null) => [PodEventType.Deleted],
        _ => [],
    };

    private void Publish(string id, PodEventType type, Sandbox sandbox)
    {
        lock (_gate)
        {
            if (type == PodEventType.Undone)
            {
                _undone.Add(id);
                return;
            }

            if ((type == PodEventType.Deleted && _undone.Remove(id)) || _readers.Count == 0)
            {
                return;
            }

            // A clock that was set back must not turn the order round: kubelets compare these times.
            _last = Later(_last, _time.GetUtcNow());
            var item = new PodEvent(id, type, _last, sandbox, [.. _containers.OfSandbox(sandbox.Id).Where(static c => c.IsVisible)]);
            foreach (var reader in _readers.Where(reader => !reader.Writer.TryWrite(item)))
            {
                reader.Writer.TryComplete(new RuntimeException(
                    RuntimeErrorCode.ResourceExhausted, $"the reader is more than {MaxUnread} events behind and misses some: list everything anew, then read events again"));
            }
        }
    }

    private static DateTimeOffset Later(DateTimeOffset last, DateTimeOffset now) => now > last ? now : last.AddTicks(1);
}

/// <summary>What one listener has not read yet. A listener that falls too far behind gets <see cref="RuntimeErrorCode.ResourceExhausted"/>.</summary>
public sealed class PodEventReader(ChannelReader<PodEvent> events, Action end) : IDisposable
{
    public IAsyncEnumerable<PodEvent> ReadAllAsync(CancellationToken cancellationToken) => events.ReadAllAsync(cancellationToken);

    public void Dispose() => end();
}
