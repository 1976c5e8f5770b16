using Berth.Abstractions;

namespace Berth.Plugins;

/// <summary>Which handler a pod gets, and why.</summary>
public sealed record SelectionDecision
{
    /// <summary>Empty if the pod is denied.</summary>
    public required string Handler { get; init; }

    /// <summary>One line: what decided.</summary>
    public required string Reason { get; init; }

    /// <summary>All that was looked at, in order, up to what decided.</summary>
    public required IReadOnlyList<SelectionStep> Steps { get; init; }

    public bool Denied => Handler.Length == 0;

    /// <exception cref="RuntimeException">A rule denies the pod.</exception>
    public SelectionDecision EnsureAllowed() => Denied ? throw new RuntimeException(RuntimeErrorCode.PermissionDenied, Reason) : this;
}

/// <param name="Rule">What was looked at: a rule's name, RuntimeClass, annotation, default.</param>
/// <param name="Matched">Whether it decided.</param>
/// <param name="Detail">Why, or why not.</param>
public sealed record SelectionStep(string Rule, bool Matched, string Detail);
