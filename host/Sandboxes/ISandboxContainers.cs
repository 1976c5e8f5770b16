namespace Berth.Sandboxes;

/// <summary>
/// What ending a sandbox needs of its containers. Containers know their sandbox and not the reverse, so this one arrow is
/// turned round here.
/// </summary>
public interface ISandboxContainers
{
    /// <summary>Kills those that run, at once, and waits until their ends are recorded.</summary>
    Task KillAllAsync(string sandboxId, CancellationToken cancellationToken);

    /// <summary>Removes all of them.</summary>
    Task RemoveAllAsync(string sandboxId, CancellationToken cancellationToken);

    /// <summary>Records the end of those that still count as running, when their processes are gone with the pod.</summary>
    void RecordLost(string sandboxId, string reason);

    /// <summary>The pod's processes are gone: waits a moment for the ends that its handler tells, and records those that it does not.</summary>
    Task EndWithAsync(string sandboxId, string reason);

    /// <summary>Removes those of any sandbox whose removal was begun and not finished.</summary>
    Task RemoveOwedAsync(CancellationToken cancellationToken);

    /// <summary>Their cgroups.</summary>
    IReadOnlyList<string> CgroupPaths(string sandboxId);
}
