using Berth.Configuration;

namespace Berth.Plugins.Health;

/// <summary>
/// The faults of the last minutes. Those of one pod count as one: a guest that hangs is the fault of a pod, and a handler is to blame
/// only if others fare no better.
/// </summary>
internal sealed class FaultBudget
{
    private readonly List<(string? Pod, DateTimeOffset At)> _spent = [];

    /// <summary>Adds a fault; true if it was one too many, and then the budget is whole again.</summary>
    /// <param name="pod">Whose work it was; null if nobody's.</param>
    /// <param name="now">The time.</param>
    /// <param name="options">How many, in which time.</param>
    public bool Spend(string? pod, DateTimeOffset now, HealthOptions options)
    {
        if (options.Faults == 0)
        {
            return false;
        }

        _spent.RemoveAll(f => now - f.At >= options.Window || (pod is not null && f.Pod == pod));
        _spent.Add((pod, now));
        if (_spent.Count < options.Faults)
        {
            return false;
        }

        _spent.Clear();
        return true;
    }

    public void Refill() => _spent.Clear();
}
