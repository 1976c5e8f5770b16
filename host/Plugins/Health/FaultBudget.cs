using Berth.Configuration;

namespace Berth.Plugins.Health;

/// <summary>
/// The faults of the last minutes. Those of one pod count as one: a guest that hangs is the fault of a pod, and a handler is to blame
/// only if others fare no better.
/// </summary>
internal sealed class FaultBudget
{
    private readonly List<(string? Pod, DateTimeOffset At)> _spent = [];

    /// <summary>Adds a fault; true if it was one too many.</summary>
    /// <param name="pod">Whose work it was; null if nobody's.</param>
    /// <param name="now">The time.</param>
    /// <param name="options">How many, at least one, in which time.</param>
    public bool Spend(string? pod, DateTimeOffset now, HealthOptions options)
    {
        _spent.RemoveAll(f => now - f.At >= options.Window || (pod is not null && f.Pod == pod));
        _spent.Add((pod, now));
        return _spent.Count >= options.Faults;
    }

    /// <summary>Begins anew.</summary>
    public void Refill() => _spent.Clear();
}
