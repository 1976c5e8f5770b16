using Berth.Configuration;
using Berth.Metrics;

namespace Berth.Plugins.Health;

/// <summary>
/// Which handlers get no new pods because they do harm, why, and until when. What is quarantined goes on serving the pods that it has,
/// unless it is held: then none of its code is run.
/// </summary>
/// <param name="cases">Kept over restarts.</param>
/// <param name="options">Those in force.</param>
/// <param name="metrics">Counts.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Says every change.</param>
public sealed class Quarantine(QuarantineRegistry cases, Func<HealthOptions> options, BerthMetrics metrics, TimeProvider time, ILogger<Quarantine> logger)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes with the next change.</summary>
    public Task Changed
    {
        get
        {
            lock (_gate)
            {
                return _changed.Task;
            }
        }
    }

    /// <summary>Those that are quarantined.</summary>
    public IReadOnlyList<QuarantineCase> Open => cases.List();

    /// <summary>Reads what an earlier process has left; once, at the start.</summary>
    public void Load()
    {
        cases.Load();
        foreach (var old in cases.All().Where(c => c.IsOver(time.GetUtcNow(), options())))
        {
            cases.Delete(old.Id);
        }
    }

    public HandlerStanding StandingOf(HandlerKey key, string plugin, string version) => new(this, key, plugin, version);

    /// <summary>The code of a plugin as a whole.</summary>
    public HandlerStanding StandingOf(string digest, string plugin, string version) => new(this, new("", digest), plugin, version);

    internal QuarantineCase? Find(string id) => cases.Get(id) is { IsOpen: true } open ? open : null;

    /// <summary>A call that was neither answered nor refused.</summary>
    internal void Charge(HandlerStanding standing, string? pod, string what)
    {
        lock (_gate)
        {
            var (known, now, limits) = (cases.Get(standing.Id), time.GetUtcNow(), options());
            if (known is { IsOpen: true } || limits.Faults == 0)
            {
                return;
            }

            var isWatched = known?.IsWatched(now, limits) is true;
            if (standing.Budget.Spend(pod, now, limits) || isWatched)
            {
                standing.Budget.Refill();
                var reason = isWatched ? $"it failed again soon after it was let go of: {what}"
                    : $"{limits.Faults} faults within {limits.Window.TotalMinutes:0.#} minutes, the last: {what}";
                Change(standing, "faults", c => c.Convict(reason, isHeld: false, now, limits));
            }
        }
    }

    /// <summary>The gateway died of it.</summary>
    public void Convict(HandlerStanding standing, string reason, bool isHeld)
    {
        lock (_gate)
        {
            // One that does it again although it gets no new pods does it to those that it has.
            var again = cases.Get(standing.Id) is { IsOpen: true };
            Change(standing, "death", c => c.Convict(reason, isHeld || again, time.GetUtcNow(), options()));
        }
    }

    /// <summary>The gateway died, and it may have been the reason.</summary>
    public void Suspect(HandlerStanding standing, string reason, bool isHeld, TimeSpan? memory = null)
    {
        lock (_gate)
        {
            var again = cases.Get(standing.Id) is { IsOpen: true };
            Change(standing, "death", c => c.Suspect(reason, isHeld || again, time.GetUtcNow(), options(), memory));
        }
    }

    /// <summary>Its code may be run again, to see whether it is well; new pods wait for the result.</summary>
    public void Try(QuarantineCase held)
    {
        lock (_gate)
        {
            cases.Update(held.Id, static c => c with { IsHeld = false });
        }
    }

    /// <summary>It was tried, and is well.</summary>
    public void Pass(QuarantineCase tried) => End(tried, c => c.LetGo(time.GetUtcNow()));

    /// <summary>It was tried, and is not well.</summary>
    public void Fail(QuarantineCase tried, string reason) => End(tried, c => c.Convict(reason, tried.IsHeld, time.GetUtcNow(), options()));

    /// <summary>Nothing is held against it any more.</summary>
    public void Forget(QuarantineCase over)
    {
        lock (_gate)
        {
            cases.Delete(over.Id);
            Signal();
        }
    }

    /// <summary>An operator lets go of all of a plugin; what was quarantined.</summary>
    public IReadOnlyList<QuarantineCase> Release(string plugin)
    {
        var released = cases.All().Where(c => c.Plugin == plugin).ToList();
        foreach (var one in released)
        {
            Forget(one);
            PluginsLog.Released(logger, one.Handler, one.Plugin, one.PluginVersion, "an operator said so");
        }

        return [.. released.Where(static c => c.IsOpen)];
    }

    private void End(QuarantineCase tried, Func<QuarantineCase, QuarantineCase> end)
    {
        lock (_gate)
        {
            // An operator may have been faster.
            if (cases.Update(tried.Id, c => c.IsOpen ? end(c) : c) is not { } ended)
            {
                return;
            }

            if (ended.IsOpen)
            {
                PluginsLog.Quarantined(logger, ended.Handler, ended.Plugin, ended.PluginVersion, ended.Text);
            }
            else
            {
                PluginsLog.Released(logger, ended.Handler, ended.Plugin, ended.PluginVersion, "it is well");
            }

            Signal();
        }
    }

    private void Change(HandlerStanding standing, string cause, Func<QuarantineCase, QuarantineCase> change)
    {
        if (cases.Get(standing.Id) is null)
        {
            cases.Add(new()
            {
                Handler = standing.Key.Name,
                Instance = standing.Key.Instance,
                Plugin = standing.Plugin,
                PluginVersion = standing.Version,
                Since = time.GetUtcNow(),
            });
        }

        if (cases.Update(standing.Id, change) is { IsOpen: true } open)
        {
            PluginsLog.Quarantined(logger, open.Handler, open.Plugin, open.PluginVersion, open.Text);
            metrics.Quarantined(open.Handler, open.Plugin, cause);
        }

        Signal();
    }

    private void Signal()
    {
        _changed.TrySetResult();
        _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
