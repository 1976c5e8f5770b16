namespace Berth.Plugins;

/// <summary>Looks at configuration and plugin folders again.</summary>
public interface IReloader
{
    /// <summary>Brings what has changed into force, or says why not.</summary>
    /// <param name="trigger">Who asks, for the log.</param>
    /// <param name="retry">What failed before is tried again, although nothing of it has changed.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    Task<ReloadState> ReloadAsync(string trigger, bool retry, CancellationToken cancellationToken);
}

/// <summary>What the last look at configuration and plugin folders has found.</summary>
public sealed record ReloadState
{
    /// <summary>Before the first.</summary>
    public static ReloadState None { get; } = new();

    /// <summary>The generation that was in force after it.</summary>
    public long Generation { get; init; }

    /// <summary>When it ended; null before the first.</summary>
    public DateTimeOffset? At { get; init; }

    /// <summary>What made the gateway look: the start, a changed file, a signal, an operator.</summary>
    public string Trigger { get; init; } = "";

    /// <summary>Why the configuration's file is not in force; empty if it is.</summary>
    public string ConfigurationProblem { get; init; } = "";

    /// <summary>Keys that were changed in the file and need a restart of the gateway.</summary>
    public IReadOnlyList<string> RestartKeys { get; init; } = [];
}
