namespace Berth.Abstractions;

/// <summary>A client's connection to the streams of a container.</summary>
public interface IAttachment
{
    /// <summary>
    /// Completes once: when the container's output has ended and all of it was written to the client's descriptors, when the
    /// client takes no more of it, or after <see cref="DetachAsync"/>. The descriptors that the handler held are closed then. It never faults.
    /// </summary>
    Task End { get; }

    /// <summary>Ends the connection; the container goes on. Success if it has ended.</summary>
    Task DetachAsync(CancellationToken cancellationToken);
}
