using System.Text;
using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Plugins.Oci;

/// <summary>A container of an OCI runtime. Without a monitor it has ended.</summary>
internal sealed class OciContainer(string id, string? logPath, IProcess init, OciState state, HandlerTools tools) : IContainer
{
    private readonly ContainerFiles _files = new(state.PrivateDirectory);
    private readonly ContainerCgroup _cgroup = tools.CgroupOf(state);

    private MonitorControl? Control => ((init as RestoredInit)?.Process ?? init) is OciInit monitored ? monitored.Control : null;

    public string Id => id;

    public IProcess Init => init;

    public Task<IProcess> ExecAsync(ExecRequest request, CancellationToken cancellationToken)
    {
        DemandRunning("exec");
        return Task.FromResult<IProcess>(new OciExec(id, request, state.RuntimeRoot, _files, _cgroup, tools));
    }

    public async Task<IAttachment> AttachAsync(AttachRequest request, CancellationToken cancellationToken)
    {
        DemandRunning("attach");
        return Control is not { } control
            ? throw RuntimeException.FailedPrecondition($"attach: container {id} has no monitor")
            : await control.AttachAsync(request, cancellationToken).ConfigureAwait(false);
    }

    public async Task UpdateAsync(JsonElement linuxResources, CancellationToken cancellationToken)
    {
        DemandRunning("update");
        var result = await tools.Runtime.RunAsync(
            state.RuntimeRoot, ["update", "--resources", "-", id], cancellationToken, Encoding.UTF8.GetBytes(linuxResources.GetRawText())).ConfigureAwait(false);
        if (result.ExitCode != 0)
        {
            throw RuntimeException.FailedPrecondition($"container {id}: the runtime refused the new limits: {result.Error}");
        }
    }

    public Task<IReadOnlyList<int>> PidsAsync(CancellationToken cancellationToken) => Task.FromResult(_cgroup.Pids());

    public Task ReopenLogAsync(CancellationToken cancellationToken)
    {
        DemandRunning("reopen log");
        return logPath is null || Control is not { } control ? Task.CompletedTask : control.ReopenLogAsync(logPath, cancellationToken);
    }

    public Task CheckpointAsync(CheckpointRequest request, CancellationToken cancellationToken)
    {
        DemandRunning("checkpoint");
        return ContainerDump.WriteAsync(id, request, state.RuntimeRoot, tools, cancellationToken);
    }

    private void DemandRunning(string verb)
    {
        if (init.Exit.IsCompleted)
        {
            throw RuntimeException.FailedPrecondition($"{verb}: container {id} has ended");
        }
    }
}
