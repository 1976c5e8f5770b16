using Berth.Abstractions;

namespace Berth.Plugins;

/// <summary>The last answer of a handler's check, kept so that nobody has to ask the plugin.</summary>
public sealed class HandlerHealth
{
    private readonly GuardedHandler _handler;
    private readonly string _name;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private volatile Checked _last;
    private readonly Lock _gate = new();
    private Task _running = Task.CompletedTask;

    internal HandlerHealth(GuardedHandler handler, string name, TimeProvider time, ILogger logger)
    {
        (_handler, _name, _time, _logger) = (handler, name, time, logger);
        _last = new(new() { Ready = false, Reason = "its first check has not ended yet" }, null);
    }

    public bool Ready => _last.Check.Ready;

    /// <summary>Why it is not ready; empty if it is.</summary>
    public string Reason => Ready ? "" : _last.Check.Reason ?? "its check gives no reason";

    public HandlerFeatures Features => _last.Check.Features;

    /// <summary>The whole answer.</summary>
    public HandlerCheck Check => _last.Check;

    /// <summary>When it was given; null before the first.</summary>
    public DateTimeOffset? CheckedAt => _last.At;

    /// <summary>Asks the plugin now; who comes while an earlier check runs waits for that one. It never throws for what the plugin does.</summary>
    public Task RefreshAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_running.IsCompleted)
            {
                _running = RunAsync();
            }

            return _running.WaitAsync(cancellationToken);
        }
    }

    private async Task RunAsync()
    {
        try
        {
            Set(await _handler.CheckAsync(CancellationToken.None));
        }
        catch (RuntimeException e)
        {
            // What it could do before is still the best guess for the pods that run.
            Set(_last.Check with { Ready = false, Reason = e.Message });
        }
    }

    private void Set(HandlerCheck check)
    {
        var before = _last;
        _last = new(check, _time.GetUtcNow());
        if (check.Ready && (!before.Check.Ready || before.At is null))
        {
            PluginsLog.HandlerReady(_logger, _name, check.RuntimeVersion ?? "no version");
        }
        else if (!check.Ready && (before.At is null || before.Check.Ready || before.Check.Reason != check.Reason))
        {
            PluginsLog.HandlerNotReady(_logger, _name, Reason);
        }
    }

    private sealed record Checked(HandlerCheck Check, DateTimeOffset? At);
}
