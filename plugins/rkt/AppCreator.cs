using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>Adds an app to a pod: journal, folder, mounts, cgroup, processes, limits, in this order.</summary>
internal sealed class AppCreator(AppLauncher launcher, AppRemover remover, Tools tools)
{
    // The runtime mounts volumes while it creates; the caller's own deadline comes first.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    public async Task<RktApp> CreateAsync(Stage1 stage1, CreateContainerRequest request, Task? earlierSeen, CancellationToken cancellationToken)
    {
        var app = stage1.Pod.App(request.ContainerId);
        await remover.RemoveAsync(app, earlierSeen).ConfigureAwait(false);
        var config = AppBundle.Read(request);
        var path = BundleFacts.ReadCgroup(request.BundlePath, request.Cgroup.Path)
            ?? throw RuntimeException.InvalidArgument($"container {app.Id}: its bundle names no cgroup (linux.cgroupsPath)");
        if (request.Rootfs is not { Form: RootfsForm.Mounted, Path: not null })
        {
            throw RuntimeException.InvalidArgument($"container {app.Id}: the rkt handler takes a mounted root file system, not {request.Rootfs.Form}");
        }

        await tools.Context.SaveStateAsync(app.Id, new RktRecord(stage1.Pod.Uuid).ToRecord(), cancellationToken).ConfigureAwait(false);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            limit.Token.ThrowIfCancellationRequested();
            return await MakeAsync(stage1, app, path, config, request, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or RuntimeException or IOException or UnauthorizedAccessException)
        {
            await remover.RemoveAsync(app).ConfigureAwait(false);
            throw e switch
            {
                RuntimeException => e,
                OperationCanceledException when cancellationToken.IsCancellationRequested => e,
                OperationCanceledException => new RuntimeException(
                    RuntimeErrorCode.DeadlineExceeded, $"container {app.Id}: it was not created within {Limit.TotalMinutes:0} minutes"),
                _ => RuntimeException.Unavailable($"container {app.Id} cannot be created: {e.Message}", e),
            };
        }
    }

    private async Task<RktApp> MakeAsync(
        Stage1 stage1, AppFolder app, string cgroup, JsonObject config, CreateContainerRequest request, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(app.Path);
        var manifest = new AppManifest { Name = request.Name, Attempt = request.Attempt, ImageId = request.ImageId, Cgroup = cgroup };
        RktJson.WriteFile(app.Manifest, manifest);
        var resources = config["linux"]?["resources"]?.ToJsonString() ?? "{}";
        tools.Cgroups.Create(stage1.Manifest.SupervisorCgroup);
        tools.Cgroups.Create(cgroup);
        new AppBundle(stage1, app, tools.Cgroups.Layout).Make(config, request, cgroup);
        var launched = await launcher.LaunchAsync(stage1, app, cgroup, request, cancellationToken).ConfigureAwait(false);
        if (launched.Refusal is { } reason)
        {
            await tools.CgroupOf(cgroup).KillAsync().ConfigureAwait(false);
            RktJson.WriteFile(app.Refusal, reason);
            return RktApp.Ended(app, manifest, EndedInit.Refused(app.Id, reason, started: false, tools.Clock), tools);
        }

        RktJson.WriteFile(app.Supervisor, launched.Processes!);
        tools.Cgroups.Enter(stage1.Manifest.SupervisorCgroup, launched.Processes!.Monitor.Pid);
        Restrict(app, cgroup, resources);
        File.WriteAllText(app.Created, "");
        return RktApp.Running(stage1, app, manifest, request, launched.Processes, started: false, tools);
    }

    private void Restrict(AppFolder app, string cgroup, string resources)
    {
        try
        {
            using var parsed = JsonDocument.Parse(resources);
            tools.Limits.Apply(cgroup, parsed.RootElement);
        }
        catch (Exception e) when (e is LinuxException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw RuntimeException.FailedPrecondition($"container {app.Id}: its limits cannot be put in force: {e.Message}");
        }
    }
}
