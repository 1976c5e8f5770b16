namespace Berth.Abstractions;

/// <summary>A sandbox that runs.</summary>
public interface ISandbox
{
    /// <summary>The id that the gateway gave.</summary>
    string Id { get; }

    /// <summary>
    /// Completes once, when the thing that holds the pod ends by itself or by a destroy: a VM, an init, a holder.
    /// The pod then becomes NOTREADY. Never completes for a handler without such a thing.
    /// </summary>
    Task<ProcessExit> Exit { get; }

    /// <summary>What is known of the sandbox now.</summary>
    Task<SandboxInfo> InfoAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Makes a container, ready to start; its command does not run yet. What an earlier failed call for the same id
    /// left is removed first. A bundle that the runtime itself refuses (such as for a missing command) is reported by
    /// <see cref="IProcess.StartAsync"/> of its init, because runtimes differ in whether they look at create or at start.
    /// </summary>
    Task<IContainer> CreateContainerAsync(CreateContainerRequest request, CancellationToken cancellationToken);

    /// <summary>The container that was created or restored, or null.</summary>
    IContainer? FindContainer(string containerId);

    /// <summary>
    /// Usage of the whole pod where the gateway cannot read it from a cgroup
    /// (<see cref="HandlerFeatures.Stats"/> is <see cref="StatsSource.Handler"/>).
    /// </summary>
    Task<ResourceUsage> StatsAsync(CancellationToken cancellationToken) => throw RuntimeException.NotSupported("sandbox Stats");

    /// <summary>Changes the pod's size (a VM's memory and processors).</summary>
    Task UpdateResourcesAsync(PodResources resources, CancellationToken cancellationToken) =>
        throw RuntimeException.NotSupported("sandbox UpdateResources");

    /// <summary>
    /// Opens a TCP connection to a port on the pod's loopback and returns a connected stream socket, which the caller
    /// owns. Called only if <see cref="HandlerFeatures.OpensPorts"/>: elsewhere the gateway dials in the network namespace.
    /// </summary>
    /// <param name="port">1 to 65535.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>A file descriptor of this process.</returns>
    Task<int> OpenPortAsync(int port, CancellationToken cancellationToken) => throw RuntimeException.NotSupported("OpenPort");
}
