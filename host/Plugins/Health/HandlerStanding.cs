namespace Berth.Plugins.Health;

/// <summary>How one object of a handler stands: whether it is quarantined now, and what it may still do wrong.</summary>
public sealed class HandlerStanding
{
    private readonly Quarantine _quarantine;

    internal HandlerStanding(Quarantine quarantine, HandlerKey key, string plugin, string version) =>
        (_quarantine, Key, Plugin, Version, Id) = (quarantine, key, plugin, version, QuarantineCase.IdOf(key));

    public HandlerKey Key { get; }

    public string Plugin { get; }

    public string Version { get; }

    internal string Id { get; }

    internal FaultBudget Budget { get; } = new();

    /// <summary>Null if it is not.</summary>
    public QuarantineCase? Quarantined => _quarantine.Find(Id);

    /// <summary>A call was neither answered nor refused, or its process ended by itself.</summary>
    /// <param name="pod">Whose work it was; null if nobody's.</param>
    /// <param name="what">What happened.</param>
    public void Charge(string? pod, string what) => _quarantine.Charge(this, pod, what);
}
