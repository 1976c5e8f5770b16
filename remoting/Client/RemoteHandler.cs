using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Remoting.Wire;

namespace Berth.Remoting.Client;

/// <summary>A handler whose plugin runs in another process.</summary>
internal sealed class RemoteHandler : IRuntimeHandler
{
    private readonly RemotePlugin _plugin;
    private readonly HandlerConfig _config;
    private readonly IHandlerContext _context;
    private readonly OncePerProcess _created;
    private readonly CancellationTokenSource _dropped = new();
    private readonly ConcurrentDictionary<string, RemoteSandbox> _sandboxes = new(StringComparer.Ordinal);

    // The ids that the plugin was given, with the newest record of each.
    private readonly ConcurrentDictionary<string, StateRecord?> _states = new(StringComparer.Ordinal);

    public RemoteHandler(RemotePlugin plugin, int number, HandlerConfig config, IHandlerContext context)
    {
        (_plugin, Number, _config, _context) = (plugin, number, config, context);
        _created = new(process => process.CallAsync(Request(Verb.CreateHandler) with { Config = _config }, Dropped));
    }

    public int Number { get; }

    public TimeProvider Time => _plugin.Time;

    /// <summary>Nobody has this object any more.</summary>
    public CancellationToken Dropped => _dropped.Token;

    public WireRequest Request(Verb verb) => new() { Verb = verb, Handler = Number };

    public StateRecord? StateOf(string id) => _states.GetValueOrDefault(id);

    public void Log(PluginLogLevel level, string line) => _context.Log.Write(level, line);

    public async Task SaveStateAsync(string id, StateRecord state, CancellationToken cancellationToken)
    {
        if (!_states.ContainsKey(id))
        {
            throw RuntimeException.InvalidArgument($"{id} is no sandbox or container of handler {_config.Name}");
        }

        await _context.SaveStateAsync(id, state, cancellationToken).ConfigureAwait(false);
        _states[id] = state;
    }

    public void Given(string id, StateRecord? state = null) => _states.AddOrUpdate(id, state, (_, old) => state ?? old);

    /// <summary>The process that lives now, which knows this handler.</summary>
    public async Task<PluginProcess> ProcessAsync(CancellationToken cancellationToken) =>
        await ReadyAsync(await _plugin.ProcessAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);

    /// <summary>The same, however long it takes.</summary>
    public async Task<PluginProcess> ProcessAtLastAsync() => await ReadyAsync(await _plugin.ProcessAtLastAsync().ConfigureAwait(false), Dropped).ConfigureAwait(false);

    public async Task<PluginProcess> ReadyAsync(PluginProcess process, CancellationToken cancellationToken)
    {
        await _created.TellAsync(process, cancellationToken).ConfigureAwait(false);
        return process;
    }

    /// <summary>Tells a new process of this handler's sandboxes. What fails is tried again by whoever needs it.</summary>
    public Task AdoptAsync(PluginProcess process) => Task.WhenAll(_sandboxes.Values.Select(async sandbox =>
    {
        try
        {
            await ReadyAsync(process, Dropped).ConfigureAwait(false);
            await sandbox.ReadyAsync(process, Dropped).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RuntimeException or PluginProcessException or OperationCanceledException)
        {
            _plugin.Log(PluginLogLevel.Warning, $"sandbox {sandbox.Id} is not adopted yet by the new process: {e.Message}");
        }
    }));

    public async Task<HandlerCheck> CheckAsync(CancellationToken cancellationToken)
    {
        var process = await ProcessAsync(cancellationToken).ConfigureAwait(false);
        return process.Require((await process.CallAsync(Request(Verb.Check), cancellationToken).ConfigureAwait(false)).Check, "check");
    }

    public async Task<PreparedSandbox> PrepareSandboxAsync(PrepareSandboxRequest request, CancellationToken cancellationToken)
    {
        Given(request.SandboxId);
        var process = await ProcessAsync(cancellationToken).ConfigureAwait(false);
        var answer = await process.CallAsync(Request(Verb.PrepareSandbox) with { Prepare = request }, cancellationToken).ConfigureAwait(false);
        return process.Require(answer.Prepared, "prepared sandbox");
    }

    public async Task<ISandbox> StartSandboxAsync(StartSandboxRequest request, CancellationToken cancellationToken)
    {
        var id = request.Sandbox.SandboxId;
        Given(id);
        var process = await ProcessAsync(cancellationToken).ConfigureAwait(false);
        var answer = await process.CallAsync(Request(Verb.StartSandbox) with { Start = request }, cancellationToken).ConfigureAwait(false);
        if (process.Require(answer.Id, "id") != id)
        {
            throw process.Breach($"sandbox {id} was started as {answer.Id}");
        }

        // A start that is repeated gives the same sandbox, with its containers.
        var again = _sandboxes.TryGetValue(id, out var known) && !known.Exit.IsCompleted;
        var sandbox = again ? known! : new RemoteSandbox(this, request);
        sandbox.IsKnownTo(process);
        return again ? sandbox : Keep(sandbox);
    }

    public async Task<ISandbox> RestoreSandboxAsync(RestoreSandboxRequest request, CancellationToken cancellationToken)
    {
        var sandbox = new RemoteSandbox(this, request.Start);
        Given(sandbox.Id, request.State);
        foreach (var container in request.Containers)
        {
            Given(container.Create.ContainerId, container.State);
        }

        var process = await ProcessAsync(cancellationToken).ConfigureAwait(false);
        await sandbox.RestoreAsync(process, request, cancellationToken).ConfigureAwait(false);
        sandbox.IsKnownTo(process);
        return Keep(sandbox);
    }

    public async Task DestroySandboxAsync(DestroyRequest request, CancellationToken cancellationToken)
    {
        Given(request.SandboxId, request.State);
        await CallAsync(Request(Verb.DestroySandbox) with { Destroy = request }, cancellationToken).ConfigureAwait(false);
        if (_sandboxes.TryRemove(request.SandboxId, out var sandbox))
        {
            sandbox.ContainerIds.ToList().ForEach(Forget);
        }

        Forget(request.SandboxId);
    }

    public async Task DestroyContainerAsync(DestroyRequest request, CancellationToken cancellationToken)
    {
        Given(request.ContainerId!, request.State);
        await CallAsync(Request(Verb.DestroyContainer) with { Destroy = request }, cancellationToken).ConfigureAwait(false);
        if (_sandboxes.TryGetValue(request.SandboxId, out var sandbox))
        {
            sandbox.Forget(request.ContainerId!);
        }

        Forget(request.ContainerId!);
    }

    public async Task<IReadOnlyList<OwnedObject>> ListOwnedAsync(CancellationToken cancellationToken)
    {
        var process = await ProcessAsync(cancellationToken).ConfigureAwait(false);
        return process.Require((await process.CallAsync(Request(Verb.ListOwned), cancellationToken).ConfigureAwait(false)).Owned, "list of owned objects");
    }

    public async Task<PreparedImage> PrepareImageAsync(PrepareImageRequest request, CancellationToken cancellationToken)
    {
        var process = await ProcessAsync(cancellationToken).ConfigureAwait(false);
        return process.Require((await process.CallAsync(Request(Verb.PrepareImage) with { Image = request }, cancellationToken).ConfigureAwait(false)).Image, "image");
    }

    public Task ReleaseImageAsync(string imageId, CancellationToken cancellationToken) =>
        CallAsync(Request(Verb.ReleaseImage) with { Text = imageId }, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _dropped.CancelAsync().ConfigureAwait(false);
        // Without a process there is nothing to dispose of.
        if (_plugin.Pid is not null && !_plugin.Stopped.IsCancellationRequested)
        {
            await CallAsync(Request(Verb.DisposeHandler), CancellationToken.None).ConfigureAwait(false);
        }

        _plugin.Forget(this);
    }

    private async Task CallAsync(WireRequest request, CancellationToken cancellationToken) =>
        await (await ProcessAsync(cancellationToken).ConfigureAwait(false)).CallAsync(request, cancellationToken).ConfigureAwait(false);

    private RemoteSandbox Keep(RemoteSandbox sandbox)
    {
        _sandboxes[sandbox.Id] = sandbox;
        sandbox.Watch();
        return sandbox;
    }

    private void Forget(string id) => _states.TryRemove(id, out _);
}
