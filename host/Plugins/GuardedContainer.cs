using System.Text.Json;
using Berth.Abstractions;
using Limits = Berth.Plugins.PluginDeadlines;

namespace Berth.Plugins;

/// <summary>A plugin's container behind the guard.</summary>
internal sealed class GuardedContainer(IContainer inner, PluginGuard guard) : IContainer
{
    public string Id { get; } = guard.Run("ContainerId", () => inner.Id);

    public IProcess Init { get; } = new GuardedProcess(guard.Run("ContainerInit", () => inner.Init), guard);

    public async Task<IProcess> ExecAsync(ExecRequest request, CancellationToken cancellationToken) =>
        new GuardedProcess(await guard.RunAsync("Exec", Limits.Exec, token => inner.ExecAsync(request, token), cancellationToken), guard);

    public Task UpdateAsync(JsonElement linuxResources, CancellationToken cancellationToken) =>
        guard.RunAsync("Update", Limits.Update, token => inner.UpdateAsync(linuxResources, token), cancellationToken);

    public Task<ResourceUsage> StatsAsync(CancellationToken cancellationToken) =>
        guard.RunAsync("ContainerStats", Limits.Read, inner.StatsAsync, cancellationToken);

    public Task<IReadOnlyList<int>> PidsAsync(CancellationToken cancellationToken) =>
        guard.RunAsync("Pids", Limits.Read, inner.PidsAsync, cancellationToken);

    public Task ReopenLogAsync(CancellationToken cancellationToken) =>
        guard.RunAsync("ReopenLog", Limits.ReopenLog, inner.ReopenLogAsync, cancellationToken);

    public async Task<IAttachment> AttachAsync(AttachRequest request, CancellationToken cancellationToken) =>
        new GuardedAttachment(await guard.RunAsync("Attach", Limits.Exec, token => inner.AttachAsync(request, token), cancellationToken), guard);

    public Task CheckpointAsync(CheckpointRequest request, CancellationToken cancellationToken) =>
        guard.RunAsync("Checkpoint", Limits.Checkpoint, token => inner.CheckpointAsync(request, token), cancellationToken);
}

/// <summary>A plugin's process behind the guard.</summary>
internal sealed class GuardedProcess(IProcess inner, PluginGuard guard) : IProcess
{
    public int Pid => guard.Run("Pid", () => inner.Pid);

    public Task<ProcessExit> Exit { get; } = guard.Run("Exit", () => inner.Exit);

    public Task StartAsync(CancellationToken cancellationToken) => guard.RunAsync("Start", Limits.Start, inner.StartAsync, cancellationToken);

    public Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken) =>
        guard.RunAsync("Signal", Limits.Signal, token => inner.SignalAsync(signal, scope, token), cancellationToken);

    public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken) =>
        guard.RunAsync("Resize", Limits.Signal, token => inner.ResizeAsync(columns, rows, token), cancellationToken);

    public Task CloseStdinAsync(CancellationToken cancellationToken) =>
        guard.RunAsync("CloseStdin", Limits.Signal, inner.CloseStdinAsync, cancellationToken);
}

/// <summary>A plugin's attachment behind the guard.</summary>
internal sealed class GuardedAttachment(IAttachment inner, PluginGuard guard) : IAttachment
{
    public Task End { get; } = guard.Run("AttachmentEnd", () => inner.End);

    public Task DetachAsync(CancellationToken cancellationToken) => guard.RunAsync("Detach", Limits.Signal, inner.DetachAsync, cancellationToken);
}
