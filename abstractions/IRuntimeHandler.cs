namespace Berth.Abstractions;

/// <summary>
/// One way to run pods. The gateway prepares what every runtime needs (ids, image root file system, network
/// namespace, CNI, bundle, cgroup, log path) and calls the handler in this order:
/// <code>
///   PrepareSandbox ─► (gateway runs CNI) ─► StartSandbox ─► ISandbox.CreateContainer ─► IContainer ...
///                                            ▲
///   after a restart of the gateway ─► RestoreSandbox
///   DestroyContainer(id) / DestroySandbox(id): at any moment, with or without the objects above
/// </code>
/// Rules for every member:
/// <list type="bullet">
/// <item>It may be called again after a failure, a time-out, or a restart of the gateway, and then completes the work.</item>
/// <item>Members may run concurrently for different sandboxes; for one sandbox the gateway calls one at a time,
/// except reads (<c>Info</c>, <c>Stats</c>, <c>Pids</c>), execs, signals and destroys.</item>
/// <item>It throws only <see cref="RuntimeException"/>. Any other exception counts as a fault of the plugin.</item>
/// <item>Requests and answers are plain data: they may cross a process border.</item>
/// </list>
/// <para>
/// Disposing of a handler lets go of what it holds in the gateway's process: threads, connections, waits. Its pods run on; an
/// <see cref="IProcess.Exit"/> need not complete after it. Two objects of one handler may exist side by side on the same folders while
/// a version of the plugin replaces another: what has a fixed path there belongs to the newer one, and is not removed by the older.
/// </para>
/// </summary>
public interface IRuntimeHandler : IAsyncDisposable
{
    /// <summary>
    /// Says whether pods can run now. Looks at the machine (binaries, kernel, cgroup layout), starts nothing
    /// that outlives the call. The gateway calls it at start and from time to time.
    /// </summary>
    Task<HandlerCheck> CheckAsync(CancellationToken cancellationToken);

    /// <summary>
    /// The first step of a sandbox, before its network is set up. A handler that owns the network namespace
    /// (<see cref="HandlerFeatures.NetworkNamespace"/> is <see cref="NetworkNamespaceOwner.Handler"/>) makes it here
    /// and returns its path. For the others this may run at the same time as CNI.
    /// </summary>
    Task<PreparedSandbox> PrepareSandboxAsync(PrepareSandboxRequest request, CancellationToken cancellationToken);

    /// <summary>The second step, with the pod's addresses known. When it returns, containers can be created.</summary>
    Task<ISandbox> StartSandboxAsync(StartSandboxRequest request, CancellationToken cancellationToken);

    /// <summary>
    /// Adopts a sandbox that an earlier gateway process started, together with the containers named in the request.
    /// Exits that happened meanwhile are reported by <see cref="IProcess.Exit"/> with their true code and time.
    /// </summary>
    /// <exception cref="RuntimeException"><see cref="RuntimeErrorCode.NotFound"/>: nothing of it is left.</exception>
    Task<ISandbox> RestoreSandboxAsync(RestoreSandboxRequest request, CancellationToken cancellationToken);

    /// <summary>
    /// Ends and removes all that this handler ever made for the sandbox and its containers, finished or half made,
    /// also when no object for it exists in this process. Absent is success. After it the private folder may be deleted.
    /// </summary>
    Task DestroySandboxAsync(DestroyRequest request, CancellationToken cancellationToken);

    /// <summary>The same for one container.</summary>
    Task DestroyContainerAsync(DestroyRequest request, CancellationToken cancellationToken);

    /// <summary>
    /// Lists everything alive that this handler owns outside the gateway's process, so that the gateway can find strays.
    /// </summary>
    Task<IReadOnlyList<OwnedObject>> ListOwnedAsync(CancellationToken cancellationToken);

    /// <summary>
    /// For a runtime with an image store of its own: takes a copy of the image, or answers at once if it has one. The answer counts
    /// in ImageFsInfo. The gateway has recorded the image for this handler before the call, and releases what was half made.
    /// Called only if <see cref="HandlerFeatures.OwnsImageStore"/>.
    /// </summary>
    Task<PreparedImage> PrepareImageAsync(PrepareImageRequest request, CancellationToken cancellationToken) =>
        throw RuntimeException.NotSupported("PrepareImage");

    /// <summary>
    /// Drops the copy made by <see cref="PrepareImageAsync"/>, or what is there of it. Absent is success. Called when the image has
    /// been removed and no container of this handler is left that was made from it.
    /// </summary>
    Task ReleaseImageAsync(string imageId, CancellationToken cancellationToken) =>
        throw RuntimeException.NotSupported("ReleaseImage");
}
