using Berth.Abstractions;
using Berth.Configuration;

namespace Berth.Plugins;

/// <summary>
/// Chooses a pod's handler: from the pod, the configuration and the handlers' readiness alone. In this order, the first that
/// applies decides:
/// <code>
///   1 rules with deny   2 rules with enforce   3 RuntimeClass   4 annotation   5 other rules   6 default
/// </code>
/// Within 1, 2 and 5 the order is that of the configuration. Where the chosen handler is not ready, and was not enforced, the
/// first ready one of its fallback takes its place.
/// </summary>
public static class HandlerSelector
{
    /// <summary>The reasons of choices that explain themselves.</summary>
    public const string ByRuntimeClassReason = "RuntimeClass", ByDefaultReason = "default";

    /// <param name="pod">The pod.</param>
    /// <param name="options">The configuration.</param>
    /// <param name="handlers">The handlers that exist, each with why it is not ready; empty if it is.</param>
    public static SelectionDecision Select(PodFacts pod, SelectionOptions options, IReadOnlyDictionary<string, string> handlers)
    {
        var steps = new List<SelectionStep>();
        return Deny(pod, options, steps) ?? Settle(Choose(pod, options, steps), options, handlers, steps);
    }

    /// <summary>Rules on images, at CreateContainer: why the image is denied, or null.</summary>
    /// <param name="pod">The container's pod.</param>
    /// <param name="images">All names of the image: as asked for, and in full form.</param>
    /// <param name="options">The rules.</param>
    public static string? DenyImage(PodFacts pod, IReadOnlyCollection<string> images, SelectionOptions options) =>
        options.Rules
            .Where(r => r is { Deny: not null, When.Images.Count: > 0 } && RuleMatch.Mismatch(r, pod) is null)
            .Where(r => images.Any(i => Glob.IsAnyMatch(r.When.Images, i)))
            .Select(r => $"rule '{r.Name}' denies the image {images.First(i => Glob.IsAnyMatch(r.When.Images, i))}: {r.Deny}")
            .FirstOrDefault();

    private static SelectionDecision? Deny(PodFacts pod, SelectionOptions options, List<SelectionStep> steps)
    {
        foreach (var rule in options.Rules.Where(static r => r.Deny is not null))
        {
            var mismatch = rule.When.Images.Count > 0 ? "it is on images, which CreateContainer brings" : RuleMatch.Mismatch(rule, pod);
            steps.Add(new(rule.Name, mismatch is null, mismatch ?? $"denies: {rule.Deny}"));
            if (mismatch is null)
            {
                return new()
                {
                    Handler = "",
                    Reason = $"pod {pod.Namespace}/{pod.Name} is denied by rule '{rule.Name}': {rule.Deny}",
                    DecidedBy = $"rule '{rule.Name}'",
                    Steps = steps,
                    Refusal = RuntimeErrorCode.PermissionDenied,
                };
            }
        }

        return null;
    }

    private static HandlerChoice Choose(PodFacts pod, SelectionOptions options, List<SelectionStep> steps) =>
        ByRule(pod, options, enforced: true, steps)
        ?? ByRuntimeClass(pod, steps)
        ?? AnnotationChoice.Of(pod, options.Annotations, steps)
        ?? ByRule(pod, options, enforced: false, steps)
        ?? ByDefault(options.Default, steps);

    private static HandlerChoice? ByRule(PodFacts pod, SelectionOptions options, bool enforced, List<SelectionStep> steps)
    {
        foreach (var rule in options.Rules.Where(r => r.Deny is null && r.Enforce == enforced))
        {
            var mismatch = RuleMatch.Mismatch(rule, pod);
            steps.Add(new(rule.Name, mismatch is null, mismatch ?? $"{(enforced ? "enforces" : "uses")} {rule.Use}"));
            if (mismatch is null)
            {
                return new(rule.Use ?? "", $"{(enforced ? "enforced by rule" : "rule")} '{rule.Name}'", enforced);
            }
        }

        return null;
    }

    private static HandlerChoice? ByRuntimeClass(PodFacts pod, List<SelectionStep> steps)
    {
        var given = pod.RuntimeHandler.Length > 0;
        steps.Add(new("RuntimeClass", given, given ? $"asks for {pod.RuntimeHandler}" : "the pod has none"));
        return given ? new(pod.RuntimeHandler, ByRuntimeClassReason) : null;
    }

    private static HandlerChoice ByDefault(string handler, List<SelectionStep> steps)
    {
        steps.Add(new("default", true, $"uses {handler}"));
        return new(handler, ByDefaultReason);
    }

    private static SelectionDecision Settle(
        HandlerChoice choice, SelectionOptions options, IReadOnlyDictionary<string, string> handlers, List<SelectionStep> steps)
    {
        if (!handlers.TryGetValue(choice.Handler, out var fault))
        {
            var unknown = $"there is no runtime handler '{choice.Handler}' ({choice.Reason}); {NearestName.Hint(choice.Handler, [.. handlers.Keys])}";
            return new() { Handler = "", Reason = unknown, DecidedBy = choice.Reason, Steps = steps, Refusal = RuntimeErrorCode.InvalidArgument };
        }

        if (fault.Length == 0)
        {
            return new() { Handler = choice.Handler, Reason = choice.Reason, DecidedBy = choice.Reason, Steps = steps };
        }

        steps.Add(new($"readiness of {choice.Handler}", false, fault));
        return Fallback(choice, options, handlers, steps) is { } other
            ? new()
            {
                Handler = other,
                Reason = $"fallback of {choice.Handler}, which is not ready ({choice.Reason})",
                DecidedBy = $"fallback, {choice.Reason}",
                Steps = steps,
            }
            : new()
            {
                Handler = choice.Handler,
                Reason = $"handler '{choice.Handler}' is not ready: {fault} ({choice.Reason})",
                DecidedBy = choice.Reason,
                Steps = steps,
                Refusal = RuntimeErrorCode.Unavailable,
            };
    }

    private static string? Fallback(
        HandlerChoice choice, SelectionOptions options, IReadOnlyDictionary<string, string> handlers, List<SelectionStep> steps)
    {
        var step = $"fallback of {choice.Handler}";
        var others = options.Fallback.GetValueOrDefault(choice.Handler) ?? [];
        if (choice.Enforced || others.Count == 0)
        {
            steps.Add(new(step, false, choice.Enforced ? "what a rule enforces has none" : "none is configured (selection.fallback)"));
            return null;
        }

        foreach (var other in others)
        {
            var fault = handlers.GetValueOrDefault(other, "it does not exist");
            steps.Add(new(step, fault.Length == 0, fault.Length == 0 ? $"uses {other}" : $"{other} is not ready either: {fault}"));
            if (fault.Length == 0)
            {
                return other;
            }
        }

        return null;
    }
}

/// <summary>What was asked for, before anybody looked whether it exists.</summary>
/// <param name="Handler">The handler's name.</param>
/// <param name="Reason">Who asked.</param>
/// <param name="Enforced">No other will do.</param>
internal sealed record HandlerChoice(string Handler, string Reason, bool Enforced = false);
