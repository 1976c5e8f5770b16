namespace Berth.Abstractions;

/// <summary>How a process ended.</summary>
public sealed record ProcessExit
{
    /// <summary>The exit status, 0 to 255; 128 + the signal's number if a signal ended it.</summary>
    public required int Code { get; init; }

    /// <summary>When it ended.</summary>
    public required DateTimeOffset FinishedAt { get; init; }

    /// <summary>Whether the kernel killed for lack of memory within the container's limit.</summary>
    public bool OutOfMemory { get; init; }

    /// <summary>
    /// Set if the true status is lost (its monitor was killed); <see cref="Code"/> is then 255. Says what happened.
    /// </summary>
    public string? LostReason { get; init; }
}
