using System.Text.Json;

namespace Berth.Abstractions;

/// <summary>A container: its init process, and what can be done to the whole.</summary>
public interface IContainer
{
    /// <summary>The id that the gateway gave.</summary>
    string Id { get; }

    /// <summary>
    /// The container's first process. Its <see cref="IProcess.Exit"/> completes only after every process of the
    /// container is gone and its output is in the log.
    /// </summary>
    IProcess Init { get; }

    /// <summary>
    /// Prepares another process in the container; <see cref="IProcess.StartAsync"/> runs it.
    /// </summary>
    /// <exception cref="RuntimeException"><see cref="RuntimeErrorCode.FailedPrecondition"/>: the container does not run.</exception>
    Task<IProcess> ExecAsync(ExecRequest request, CancellationToken cancellationToken);

    /// <summary>Changes limits of the running container. <paramref name="linuxResources"/> is <c>linux.resources</c> of the OCI runtime spec.</summary>
    Task UpdateAsync(JsonElement linuxResources, CancellationToken cancellationToken);

    /// <summary>Usage, where the gateway cannot read it from a cgroup.</summary>
    Task<ResourceUsage> StatsAsync(CancellationToken cancellationToken) => throw RuntimeException.NotSupported("container Stats");

    /// <summary>Process ids of the container as the host sees them; empty where the host cannot see them.</summary>
    Task<IReadOnlyList<int>> PidsAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Opens the log file again by its path, after a rotation. When it returns, new lines go to the new file, and none was lost.
    /// </summary>
    Task ReopenLogAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Connects a client to the streams of the container's init: its output from now on, without what was before, and its
    /// input. Any number of clients may be attached at a time; each gets all output. Called only if <see cref="HandlerFeatures.Attach"/>.
    /// </summary>
    /// <exception cref="RuntimeException"><see cref="RuntimeErrorCode.FailedPrecondition"/>: the container does not run.</exception>
    Task<IAttachment> AttachAsync(AttachRequest request, CancellationToken cancellationToken) => throw RuntimeException.NotSupported("Attach");

    /// <summary>
    /// Writes a checkpoint into an existing folder. Called only if <see cref="HandlerFeatures.Checkpoint"/>. A dump that has begun is
    /// not cut off by the token: the container would break.
    /// </summary>
    Task CheckpointAsync(CheckpointRequest request, CancellationToken cancellationToken) => throw RuntimeException.NotSupported("Checkpoint");
}
