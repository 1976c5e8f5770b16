using System.Text.Json;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>An app: a container of the pod. Without a supervisor it has ended.</summary>
internal sealed class RktApp : IContainer
{
    private readonly Stage1? _stage1;
    private readonly AppFolder _app;
    private readonly AppManifest? _manifest;
    private readonly string? _logPath;
    private readonly ContainerCgroup _cgroup;
    private readonly Tools _tools;

    private RktApp(Stage1? stage1, AppFolder app, AppManifest? manifest, string? logPath, IProcess init, Tools tools)
    {
        (_stage1, _app, _manifest, _logPath, Init, _tools) = (stage1, app, manifest, logPath, init, tools);
        _cgroup = tools.CgroupOf(manifest?.Cgroup);
    }

    public string Id => _app.Id;

    public IProcess Init { get; }

    public static RktApp Running(
        Stage1 stage1, AppFolder app, AppManifest manifest, CreateContainerRequest request, AppProcesses processes, bool started, Tools tools)
    {
        var cgroup = tools.CgroupOf(manifest.Cgroup);
        var init = processes.Init.Pid > 0 ? Tools.Hold(processes.Init) : null;
        return Monitor.Adopt(processes.Monitor.Pid, processes.Monitor.StartTime) is { } monitor
            ? new(stage1, app, manifest, request.LogPath, new AppInit(stage1, app, request, monitor, init, cgroup, started, tools), tools)
            : Ended(app, manifest, EndedInit.Ended(app.Id, AppInit.Read(app, cgroup) ?? ExitFile.Lost("its supervisor is gone", tools.Clock), tools.Clock), tools);
    }

    public static RktApp Ended(AppFolder app, AppManifest? manifest, EndedInit end, Tools tools) => new(null, app, manifest, null, end, tools);

    public Task<IProcess> ExecAsync(ExecRequest request, CancellationToken cancellationToken)
    {
        var stage1 = DemandRunning("exec");
        return Task.FromResult<IProcess>(new AppExec(stage1, _app, request, _manifest!.Cgroup, _tools));
    }

    public async Task<IAttachment> AttachAsync(AttachRequest request, CancellationToken cancellationToken)
    {
        DemandRunning("attach");
        return Init is AppInit init
            ? await init.Control.AttachAsync(request, cancellationToken).ConfigureAwait(false)
            : throw RuntimeException.FailedPrecondition($"attach: container {Id} has no supervisor");
    }

    public Task UpdateAsync(JsonElement linuxResources, CancellationToken cancellationToken)
    {
        DemandRunning("update");
        try
        {
            _tools.Limits.Apply(_manifest!.Cgroup, linuxResources);
            return Task.CompletedTask;
        }
        catch (Exception e) when (e is LinuxException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw RuntimeException.FailedPrecondition($"container {Id}: the new limits are refused: {e.Message}");
        }
    }

    public Task<IReadOnlyList<int>> PidsAsync(CancellationToken cancellationToken) => Task.FromResult(_cgroup.Pids());

    public Task ReopenLogAsync(CancellationToken cancellationToken)
    {
        var stage1 = DemandRunning("reopen log");
        return _logPath is null || Init is not AppInit init
            ? Task.CompletedTask
            : init.Control.ReopenLogAsync(stage1.Seen(Path.Combine(_app.Log, Path.GetFileName(_logPath))), cancellationToken);
    }

    private Stage1 DemandRunning(string verb) => _stage1 is not null && !Init.Exit.IsCompleted
        ? _stage1
        : throw RuntimeException.FailedPrecondition($"{verb}: container {Id} has ended");
}
