using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Remoting.Wire;

namespace Berth.Remoting.Client;

/// <summary>
/// A plugin in a process of its own. When the process ends it is started again, sooner or later, and told anew of the handlers and of
/// the sandboxes that they have: whoever holds their objects here goes on with them.
/// </summary>
public sealed class RemotePlugin : IRuntimePlugin, IAsyncDisposable
{
    // It catches what hangs: while a node boots, .NET's start alone may take a dozen seconds.
    private static readonly TimeSpan LoadLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    // A process that lived so long has not ended for what it did at its start.
    private static readonly TimeSpan Calm = TimeSpan.FromMinutes(1);

    private volatile PluginProcessOptions _options;
    private readonly ConcurrentDictionary<int, RemoteHandler> _handlers = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly LogLimit _lines;
    private volatile TaskCompletionSource<PluginProcess> _process = NoProcess();
    private volatile string _reason = "it has not started yet";
    private Task _supervision = Task.CompletedTask;
    private PluginProcess? _current;
    private PluginProcess? _judged;
    private int _lastHandler;
    private int _crashes;

    private RemotePlugin(PluginProcessOptions options) => (_options, _lines) = (options, new(options.Time));

    /// <summary>How often its process ended without being asked to.</summary>
    public int Crashes => _crashes;

    /// <summary>The process's id; null while there is none.</summary>
    public int? Pid => _process.Task is { IsCompletedSuccessfully: true } task ? task.Result.Pid : null;

    /// <summary>Why its last process ended.</summary>
    public string LastEnd => _reason;

    internal TimeProvider Time => _options.Time;

    internal CancellationToken Stopped => _stop.Token;

    /// <summary>Starts the process and loads the plugin in it.</summary>
    /// <exception cref="RuntimeException">The plugin cannot be loaded.</exception>
    /// <exception cref="PluginProcessException">The process ended.</exception>
    /// <exception cref="IOException">The process cannot be started.</exception>
    public static async Task<RemotePlugin> StartAsync(PluginProcessOptions options, CancellationToken cancellationToken)
    {
        var plugin = new RemotePlugin(options);
        try
        {
            var process = await plugin.LaunchAsync(cancellationToken).ConfigureAwait(false);
            plugin._process.SetResult(process);
            plugin._supervision = plugin.SuperviseAsync(process);
            return plugin;
        }
        catch
        {
            await plugin.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<IRuntimeHandler> CreateHandlerAsync(HandlerConfig config, IHandlerContext context, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_stop.IsCancellationRequested, this);
        var number = Interlocked.Increment(ref _lastHandler);
        var handler = new RemoteHandler(this, number, config, context);
        _handlers[number] = handler;
        try
        {
            await handler.ReadyAsync(await ProcessAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
            return handler;
        }
        catch
        {
            _handlers.TryRemove(number, out _);
            throw;
        }
    }

    /// <summary>Other limits: for the process that runs, and for those that come.</summary>
    public void Limit(PluginLimits limits)
    {
        if (limits == _options.Limits)
        {
            return;
        }

        _options = _options with { Limits = limits };
        try
        {
            (_process.Task is { IsCompletedSuccessfully: true } task ? task.Result : null)?.Limit(limits);
        }
        catch (LinuxException e)
        {
            Log(PluginLogLevel.Warning, $"its process goes on with the limits that it has, the next one gets the new ones: {e.Message}");
        }
    }

    /// <summary>
    /// Ends the process, and so every call in it, if calls that were given up do not end by themselves: they may take a processor or
    /// hold what others need. It is started again and its pods are adopted.
    /// </summary>
    /// <param name="reason">Why nobody bears with it any more.</param>
    public async Task EndStuckAsync(string reason)
    {
        try
        {
            if (_process.Task is { IsCompletedSuccessfully: true } task && Interlocked.CompareExchange(ref _judged, task.Result, null) is null)
            {
                // Those of a moment ago have just been told.
                await Task.Delay(_options.StuckLimit / 2, Time, _stop.Token).ConfigureAwait(false);
                var stuck = task.Result.Peer.GivenUp;
                await Task.Delay(_options.StuckLimit / 2, Time, _stop.Token).ConfigureAwait(false);
                if (task.Result.Peer.GivenUp.Intersect(stuck).Any())
                {
                    task.Result.Kill($"a call in it does not end: {reason}");
                }

                _judged = null;
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            return; // nobody wants it any more
        }
    }

    /// <summary>Ends the process and removes its cgroup. Pods go on.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _supervision.ConfigureAwait(false);
        if (_current is { } process)
        {
            await process.DisposeAsync().ConfigureAwait(false);
        }

        try
        {
            await _options.Cgroups.RemoveAsync(_options.Cgroup, CancellationToken.None).ConfigureAwait(false);
        }
        catch (LinuxException e)
        {
            _options.Log.Write(PluginLogLevel.Warning, $"the cgroup of its process stays, as something of it is left: {e.Message}");
        }
    }

    /// <summary>The process that lives now. A new one is waited for, but not for long.</summary>
    /// <exception cref="RuntimeException">There is none.</exception>
    internal async Task<PluginProcess> ProcessAsync(CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(Patience, Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken, _stop.Token);
        try
        {
            return await LivingAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw RuntimeException.Unavailable(_stop.IsCancellationRequested
                ? $"plugin {_options.Plugin} is not in use any more"
                : $"plugin {_options.Plugin} has no process now and is started again: {_reason}");
        }
    }

    /// <summary>The same, however long it takes.</summary>
    internal Task<PluginProcess> ProcessAtLastAsync() => LivingAsync(_stop.Token);

    internal void Forget(RemoteHandler handler) => _handlers.TryRemove(handler.Number, out _);

    internal void Log(PluginLogLevel level, string message) => _options.Log.Write(level, message);

    private async Task<PluginProcess> LivingAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var process = await _process.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            if (!process.Peer.Ended.IsCompleted)
            {
                return process;
            }

            await process.Replaced.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task SuperviseAsync(PluginProcess process)
    {
        var pause = FirstPause;
        try
        {
            while (true)
            {
                _ = PingAsync(process);
                _reason = await process.Peer.Ended.WaitAsync(_stop.Token).ConfigureAwait(false);
                _process = NoProcess();
                process.Replaced.SetResult();
                _reason = await process.Ended.WaitAsync(_stop.Token).ConfigureAwait(false);
                Interlocked.Increment(ref _crashes);
                if (!process.Peer.WasAsked)
                {
                    _options.EndedIdle(_reason);
                }

                pause = process.Age > Calm ? FirstPause : pause;
                _options.Log.Write(PluginLogLevel.Error, $"its process {process.Pid} ended: {_reason}; it is started again in {pause.TotalSeconds:0.#} s");
                await Task.Delay(pause, Time, _stop.Token).ConfigureAwait(false);
                pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks));
                process = await RelaunchAsync(pause).ConfigureAwait(false);
                _process.SetResult(process);
                foreach (var handler in _handlers.Values)
                {
                    _ = handler.AdoptAsync(process);
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            return; // nobody wants it any more
        }
    }

    private async Task<PluginProcess> RelaunchAsync(TimeSpan pause)
    {
        while (true)
        {
            try
            {
                return await LaunchAsync(_stop.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is RuntimeException or PluginProcessException or IOException)
            {
                _reason = e.Message;
                _options.Log.Write(PluginLogLevel.Error, $"it cannot be started again: {_reason}; the next attempt is in {pause.TotalSeconds:0.#} s");
                await Task.Delay(pause, Time, _stop.Token).ConfigureAwait(false);
                pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks));
            }
        }
    }

    private async Task<PluginProcess> LaunchAsync(CancellationToken cancellationToken)
    {
        var process = await PluginProcess.StartAsync(_options, ServeAsync, cancellationToken).ConfigureAwait(false);
        _current = process;
        try
        {
            using var limit = new CancellationTokenSource(LoadLimit, Time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
            var load = new WireRequest { Verb = Verb.Load, Text = Path.Combine(_options.Folder, _options.Assembly) };
            try
            {
                await process.CallAsync(load, either.Token).WaitAsync(either.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (limit.IsCancellationRequested)
            {
                throw new PluginProcessException($"it was not loaded within {LoadLimit.TotalSeconds:0} s");
            }
            catch (PluginProcessException) when (process.Peer.Ended.IsCompleted)
            {
                throw new PluginProcessException($"its process ended while it was loaded: {await process.Ended.ConfigureAwait(false)}");
            }

            return process;
        }
        catch
        {
            await process.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    // A process that is alive and does not answer, such as one whose threads are all taken, helps nobody.
    private async Task PingAsync(PluginProcess process)
    {
        try
        {
            while (!process.Ended.IsCompleted)
            {
                await Task.Delay(_options.PingInterval, Time, _stop.Token).ConfigureAwait(false);
                using var limit = new CancellationTokenSource(_options.PingLimit, Time);
                await process.CallAsync(new() { Verb = Verb.Ping }, limit.Token).WaitAsync(limit.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (!_stop.IsCancellationRequested)
        {
            process.Kill($"it did not answer for {_options.PingLimit.TotalSeconds:0} s");
        }
        catch (Exception e) when (e is PluginProcessException or RuntimeException or OperationCanceledException)
        {
            return; // its end is told elsewhere
        }
    }

    // One frame at a time: a plugin that floods the gateway waits for itself.
    private async Task ServeAsync(Peer peer, Frame frame, CancellationToken cancellationToken)
    {
        var request = WireJson.ReadRequest(frame.Body.Span);
        if (frame.Descriptors.Count > 0 || !_handlers.TryGetValue(request.Handler, out var handler))
        {
            frame.Descriptors.ToList().ForEach(static d => d.Dispose());
            // A handler that was dropped a moment ago may still have something to say.
            if (frame.Descriptors.Count > 0 || request.Handler < 1 || request.Handler > _lastHandler)
            {
                throw new InvalidDataException($"{request.Verb} comes from no handler, or with descriptors");
            }

            handler = null;
        }

        switch (request)
        {
            case { Verb: Verb.SaveState, Text: { } id, State: { } state } when frame.Kind == FrameKind.Call:
                await peer.AnswerAsync(frame.Call, await SaveAsync(handler, id, state, cancellationToken).ConfigureAwait(false), []).ConfigureAwait(false);
                break;
            case { Verb: Verb.Log, Text: { } line } when frame.Kind == FrameKind.Notice && Enum.IsDefined((PluginLogLevel)request.Number):
                if (_lines.MayPass(out var dropped))
                {
                    handler?.Log((PluginLogLevel)request.Number, dropped == 0 ? line : $"{line} ({dropped} lines before it were dropped)");
                }

                break;
            default:
                throw new InvalidDataException($"{request.Verb} as a {frame.Kind} is nothing that a plugin may ask");
        }
    }

    private static async Task<WireAnswer> SaveAsync(RemoteHandler? handler, string id, StateRecord state, CancellationToken cancellationToken)
    {
        try
        {
            await (handler ?? throw RuntimeException.Unavailable("the handler is gone")).SaveStateAsync(id, state, cancellationToken).ConfigureAwait(false);
            return new();
        }
        catch (RuntimeException e)
        {
            return new() { Failure = new(e.Code, e.Message) };
        }
        catch (Exception e)
        {
            return new() { Failure = new(RuntimeErrorCode.Internal, $"the state of {id} was not saved: {e.Message}") };
        }
    }

    private static TaskCompletionSource<PluginProcess> NoProcess() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
