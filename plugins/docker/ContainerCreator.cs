using Berth.Abstractions;

namespace Berth.Plugins.Docker;

/// <summary>Creates containers, and takes over those of an earlier gateway process.</summary>
internal sealed class ContainerCreator(EngineImages images, HandlerTools tools)
{
    // The Engine's own log is the buffer while the gateway is away, so it is never rotated: what was copied is punched out of it
    // instead. Said in full, because dockerd merges its defaults (daemon.json) into what is left out.
    private static readonly Dictionary<string, string> LogOptions = new() { ["max-size"] = "1000t", ["max-file"] = "1", ["compress"] = "false", ["mode"] = "blocking" };

    public async Task<DockerContainer> CreateAsync(CreateContainerRequest request, PodIdentity pod, PodPlace place, CancellationToken cancellationToken)
    {
        var spec = OciSpec.ReadBundle(request.BundlePath);
        var cgroup = CgroupPlace.OfContainer(spec.Linux.CgroupsPath, request, tools.Driver);
        var parameters = Translation.Create(spec, place with { CgroupParent = cgroup.Parent });
        parameters.Name = PodNames.Container(request.Name, pod, request.Attempt);
        parameters.Image = await images.NameAsync(request.ImageId, cancellationToken).ConfigureAwait(false);
        parameters.OpenStdin = request.Stdin;
        parameters.StdinOnce = request is { Stdin: true, StdinOnce: true };
        parameters.Labels = tools.Objects.Labels(request.SandboxId, request.ContainerId, cgroup.Own, pod, request.Name);
        parameters.HostConfig!.LogConfig = request.LogPath is null ? new() { Type = "none" } : new() { Type = "json-file", Config = LogOptions };
        await tools.Context.SaveStateAsync(request.ContainerId, new DockerState { Cgroup = cgroup.Own }.ToRecord(), cancellationToken).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        BeginLog(request);
        var engineId = await tools.Objects.CreateAsync(request.ContainerId, parameters).ConfigureAwait(false);
        var own = new ContainerCgroup(tools.Cgroups, cgroup.Of(engineId, request.Cgroup, tools.Driver));
        var log = await LogAsync(request, engineId, CancellationToken.None).ConfigureAwait(false);
        return new(request.ContainerId, engineId, DockerInit.Created(request.ContainerId, engineId, own, new(cgroup.LeafOf(engineId, request.Cgroup, tools.Driver), tools), log, tools), log, own, tools);
    }

    public async Task<DockerContainer> RestoreAsync(RestoreContainer container, CancellationToken cancellationToken)
    {
        var request = container.Create;
        var state = DockerState.FromRecord(container.State, request.ContainerId);
        if ((await tools.Objects.OfContainerAsync(request.ContainerId, cancellationToken).ConfigureAwait(false)).FirstOrDefault() is not { } listed)
        {
            var nothing = new ContainerCgroup(tools.Cgroups, state?.Cgroup);
            var reason = state is null ? "the container was never created" : "the container was gone from the Docker Engine when the gateway came back";
            return new(request.ContainerId, "", DockerInit.Gone(request.ContainerId, reason, nothing, tools), null, nothing, tools);
        }

        var found = await tools.Objects.InspectAsync(listed.ID, cancellationToken).ConfigureAwait(false);
        var cgroup = new CgroupPlace("", listed.Labels.TryGetValue(EngineObjects.CgroupLabel, out var path) ? path : null);
        var own = new ContainerCgroup(tools.Cgroups, cgroup.Of(listed.ID, request.Cgroup, tools.Driver));
        var log = await LogAsync(request, listed.ID, cancellationToken).ConfigureAwait(false);
        return new(request.ContainerId, listed.ID, DockerInit.Restored(request.ContainerId, found, own, new(cgroup.LeafOf(listed.ID, request.Cgroup, tools.Driver), tools), log, container.Started, tools), log, own, tools);
    }

    private void BeginLog(CreateContainerRequest request)
    {
        if (request.LogPath is { } path)
        {
            try
            {
                LogCopy.Begin(path, tools.Folders.LogPosition(request.ContainerId));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw RuntimeException.FailedPrecondition($"container {request.ContainerId}: log {path} cannot be made: {e.Message}");
            }
        }
    }

    private async Task<LogCopy?> LogAsync(CreateContainerRequest request, string engineId, CancellationToken cancellationToken)
    {
        if (request.LogPath is not { } path)
        {
            return null;
        }

        var root = await tools.Check.RootAsync(cancellationToken).ConfigureAwait(false);
        return new(request.ContainerId, Path.Combine(root, "containers", engineId, $"{engineId}-json.log"), path, tools.Folders.LogPosition(request.ContainerId), tools);
    }
}
