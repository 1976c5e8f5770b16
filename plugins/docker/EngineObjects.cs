using System.Globalization;
using Berth.Abstractions;
using Docker.DotNet.Models;

namespace Berth.Plugins.Docker;

/// <summary>The containers of the Engine that belong to this handler. They are found by label, so that nothing made can be forgotten.</summary>
/// <param name="engine">The Engine.</param>
/// <param name="owner">Tells this handler's objects from another gateway's on the same Engine.</param>
internal sealed class EngineObjects(Engine engine, string owner)
{
    public const string OwnerLabel = "dev.berth.owner", SandboxLabel = "dev.berth.sandbox", ContainerLabel = "dev.berth.container", CgroupLabel = "dev.berth.cgroup";
    private const string Removing = "is already in progress";

    public IDictionary<string, string> Labels(string sandboxId, string? containerId, string? cgroup, PodIdentity pod, string name)
    {
        var labels = new Dictionary<string, string>
        {
            [OwnerLabel] = owner,
            [SandboxLabel] = sandboxId,
            ["io.kubernetes.pod.name"] = pod.Name,
            ["io.kubernetes.pod.namespace"] = pod.Namespace,
            ["io.kubernetes.pod.uid"] = pod.Uid,
            ["io.kubernetes.container.name"] = name,
            ["io.kubernetes.docker.type"] = containerId is null ? "podsandbox" : "container",
        };
        if (containerId is not null)
        {
            labels[ContainerLabel] = containerId;
        }

        if (cgroup is not null)
        {
            labels[CgroupLabel] = cgroup;
        }

        return labels;
    }

    public Task<IList<ContainerListResponse>> AllAsync(CancellationToken cancellationToken) => ListAsync([], cancellationToken);

    /// <summary>Those of a pod: its holder and its containers.</summary>
    public Task<IList<ContainerListResponse>> OfSandboxAsync(string sandboxId, CancellationToken cancellationToken) =>
        ListAsync([$"{SandboxLabel}={sandboxId}"], cancellationToken);

    /// <summary>Those made for a container's id; more than one only if a create was cut off.</summary>
    public Task<IList<ContainerListResponse>> OfContainerAsync(string containerId, CancellationToken cancellationToken) =>
        ListAsync([$"{ContainerLabel}={containerId}"], cancellationToken);

    /// <summary>The pod's holder, or null.</summary>
    public async Task<string?> FindHolderAsync(string sandboxId, CancellationToken cancellationToken) =>
        (await OfSandboxAsync(sandboxId, cancellationToken).ConfigureAwait(false)).FirstOrDefault(static c => !c.Labels.ContainsKey(ContainerLabel))?.ID;

    /// <summary>Creates it under a readable name, or under a longer one if another has that name.</summary>
    public async Task<string> CreateAsync(string id, CreateContainerParameters parameters)
    {
        var what = $"create container {id}";
        try
        {
            return await OnceAsync().ConfigureAwait(false);
        }
        catch (RuntimeException e) when (e.Code == RuntimeErrorCode.FailedPrecondition)
        {
            parameters.Name = $"{parameters.Name}_{id[..8]}";
            return await OnceAsync().ConfigureAwait(false);
        }

        // Not cut off half-way by a caller who gives up: the Engine would go on, and what it makes then has no owner.
        async Task<string> OnceAsync() =>
            (await engine.CallAsync(what, (c, token) => c.Containers.CreateContainerAsync(parameters, token), CancellationToken.None).ConfigureAwait(false)).ID;
    }

    public Task<ContainerInspectResponse> InspectAsync(string engineId, CancellationToken cancellationToken) =>
        engine.CallAsync($"inspect container {engineId}", (c, token) => c.Containers.InspectContainerAsync(engineId, token), cancellationToken);

    /// <summary>Kills it; one that does not run, or is gone, is success.</summary>
    public async Task KillAsync(string engineId, CancellationToken cancellationToken)
    {
        try
        {
            await engine.CallAsync(
                $"kill container {engineId}",
                (c, token) => c.Containers.KillContainerAsync(engineId, new() { Signal = "KILL" }, token),
                cancellationToken).ConfigureAwait(false);
        }
        catch (RuntimeException e) when (e.Code is RuntimeErrorCode.NotFound or RuntimeErrorCode.FailedPrecondition)
        {
            // It has ended already.
        }
    }

    /// <summary>Waits until the Engine has seen its end; one that never ran, or is gone, has ended.</summary>
    public async Task WaitAsync(string engineId, CancellationToken cancellationToken)
    {
        try
        {
            await engine.CallAsync(
                $"wait for container {engineId}",
                (c, token) => c.Containers.WaitContainerAsync(engineId, token),
                cancellationToken,
                Timeout.InfiniteTimeSpan).ConfigureAwait(false);
        }
        catch (RuntimeException e) when (e.Code == RuntimeErrorCode.NotFound)
        {
            // Removed by somebody.
        }
    }

    /// <summary>Removes it, with the volumes that only it has; absent is success.</summary>
    public async Task RemoveAsync(string engineId, CancellationToken cancellationToken)
    {
        try
        {
            await engine.CallAsync(
                $"remove container {engineId}",
                (c, token) => c.Containers.RemoveContainerAsync(engineId, new() { Force = true, RemoveVolumes = true }, token),
                cancellationToken).ConfigureAwait(false);
        }
        catch (RuntimeException e) when (e.Code == RuntimeErrorCode.NotFound
            || (e.Code == RuntimeErrorCode.FailedPrecondition && e.Message.Contains(Removing, StringComparison.Ordinal)))
        {
            // Gone, or going.
        }
    }

    /// <summary>A moment as the Engine writes it; null for its zero, the year 1.</summary>
    public static DateTimeOffset? Moment(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var moment) && moment.Year > 1
            ? moment
            : null;

    private Task<IList<ContainerListResponse>> ListAsync(string[] labels, CancellationToken cancellationToken)
    {
        var filter = labels.Append($"{OwnerLabel}={owner}").ToDictionary(static l => l, static _ => true);
        var parameters = new ContainersListParameters
        {
            All = true,
            Filters = new Dictionary<string, IDictionary<string, bool>> { ["label"] = filter },
        };
        return engine.CallAsync("list containers", (c, token) => c.Containers.ListContainersAsync(parameters, token), cancellationToken);
    }
}
