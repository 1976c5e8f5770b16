using System.Text.Json;
using Berth.Abstractions;
using Limits = Berth.Plugins.PluginDeadlines;

namespace Berth.Plugins;

/// <summary>A plugin's container behind the guard.</summary>
/// <param name="id">The one that was asked for; the plugin's has to be the same.</param>
/// <param name="inner">The plugin's own.</param>
/// <param name="guard">The gate.</param>
internal sealed class GuardedContainer(string id, IContainer inner, PluginGuard guard) : IContainer
{
    public string Id { get; } = guard.Run("ContainerId", () => inner.Id == id ? id : throw new InvalidDataException($"container {id} was created as {inner.Id}"));

    public IProcess Init { get; } = new GuardedProcess(guard.Run("ContainerInit", () => inner.Init), guard);

    public async Task<IProcess> ExecAsync(ExecRequest request, CancellationToken cancellationToken) =>
        new GuardedProcess(await guard.RunAsync("Exec", Limits.Exec, token => inner.ExecAsync(request, token), cancellationToken), guard, isHeld: true);

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
internal sealed class GuardedProcess : IProcess
{
    private readonly IProcess _inner;
    private readonly PluginGuard _guard;

    /// <param name="inner">The plugin's own.</param>
    /// <param name="guard">The gate.</param>
    /// <param name="isHeld">An exec: it ends with the object that started it, so that object is needed until then.</param>
    public GuardedProcess(IProcess inner, PluginGuard guard, bool isHeld = false)
    {
        (_inner, _guard) = (inner, guard);
        Exit = guard.Follow("Exit", () => inner.Exit);
        if (isHeld)
        {
            guard.HoldUntil(Exit);
        }
    }

    public int Pid => _guard.Run("Pid", () => _inner.Pid is >= 0 and var pid ? pid : throw new InvalidDataException("pid is below 0"));

    public Task<ProcessExit> Exit { get; }

    public Task StartAsync(CancellationToken cancellationToken) => _guard.RunAsync("Start", Limits.Start, _inner.StartAsync, cancellationToken);

    public Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken) =>
        _guard.RunAsync("Signal", Limits.Signal, token => _inner.SignalAsync(signal, scope, token), cancellationToken);

    public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken) =>
        _guard.RunAsync("Resize", Limits.Signal, token => _inner.ResizeAsync(columns, rows, token), cancellationToken);

    public Task CloseStdinAsync(CancellationToken cancellationToken) =>
        _guard.RunAsync("CloseStdin", Limits.Signal, _inner.CloseStdinAsync, cancellationToken);
}

/// <summary>A plugin's attachment behind the guard.</summary>
internal sealed class GuardedAttachment : IAttachment
{
    private readonly IAttachment _inner;
    private readonly PluginGuard _guard;

    public GuardedAttachment(IAttachment inner, PluginGuard guard)
    {
        (_inner, _guard) = (inner, guard);
        End = guard.Run("AttachmentEnd", () => inner.End);
        guard.HoldUntil(End);
    }

    public Task End { get; }

    public Task DetachAsync(CancellationToken cancellationToken) => _guard.RunAsync("Detach", Limits.Signal, _inner.DetachAsync, cancellationToken);
}
