using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>A change of a sandbox or container, with the whole pod as it was right after.</summary>
/// <param name="Id">The container's id, or the sandbox's for a change of the sandbox itself.</param>
/// <param name="Type">What happened.</param>
/// <param name="Time">When; each event's is later than the one before.</param>
/// <param name="Sandbox">The pod's sandbox; of a deleted one its last state.</param>
/// <param name="Containers">The pod's containers that lists show.</param>
public sealed record PodEvent(string Id, PodEventType Type, DateTimeOffset Time, Sandbox Sandbox, IReadOnlyList<Container> Containers);

/// <summary>The kinds of change.</summary>
public enum PodEventType
{
    Created,
    Started,
    Stopped,
    Deleted,

    /// <summary>A create failed and is taken back; nobody is told.</summary>
    Undone,
}
