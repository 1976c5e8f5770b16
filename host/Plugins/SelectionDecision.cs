using Berth.Abstractions;

namespace Berth.Plugins;

/// <summary>Which handler a pod gets, and why.</summary>
public sealed record SelectionDecision
{
    /// <summary>Empty if the pod is denied, or what it asks for does not exist.</summary>
    public required string Handler { get; init; }

    /// <summary>One line: what decided; why the pod is refused, if it is.</summary>
    public required string Reason { get; init; }

    /// <summary>What decided, in words that only the configuration can make many: for metrics.</summary>
    public required string DecidedBy { get; init; }

    /// <summary>All that was looked at, in order, up to what decided.</summary>
    public required IReadOnlyList<SelectionStep> Steps { get; init; }

    /// <summary>Null if the pod can be started: else a rule denies it, its handler does not exist, or is not ready.</summary>
    public RuntimeErrorCode? Refusal { get; init; }

    /// <exception cref="RuntimeException">The pod is refused.</exception>
    public SelectionDecision EnsureAllowed() => Refusal is { } code ? throw new RuntimeException(code, Reason) : this;
}

/// <param name="Rule">What was looked at: a rule's name, RuntimeClass, annotation, default.</param>
/// <param name="Matched">Whether it decided.</param>
/// <param name="Detail">Why, or why not.</param>
public sealed record SelectionStep(string Rule, bool Matched, string Detail);
