using Berth.Abstractions;
using Berth.Configuration;

namespace Berth.Plugins;

/// <summary>
/// Chooses a pod's handler from the pod and the configuration alone. In this order, the first that applies decides:
/// <code>
///   1 rules with deny   2 rules with enforce   3 RuntimeClass   4 annotation   5 other rules   6 default
/// </code>
/// Within 1, 2 and 5 the order is that of the configuration.
/// </summary>
public static class HandlerSelector
{
    /// <exception cref="RuntimeException"><see cref="RuntimeErrorCode.InvalidArgument"/>: the chosen handler does not exist.</exception>
    public static SelectionDecision Select(PodFacts pod, SelectionOptions options, IReadOnlyCollection<string> knownHandlers)
    {
        var steps = new List<SelectionStep>();
        return Deny(pod, options, steps)
            ?? Known(ByRule(pod, options.Rules.Where(static r => r is { Deny: null, Enforce: true }), "enforced by rule", steps), steps, knownHandlers)
            ?? Known(ByRuntimeClass(pod, steps), steps, knownHandlers)
            ?? Known(ByAnnotation(pod, options.Annotations, steps), steps, knownHandlers)
            ?? Known(ByRule(pod, options.Rules.Where(static r => r is { Deny: null, Enforce: false }), "rule", steps), steps, knownHandlers)
            ?? Known(ByDefault(options.Default, steps), steps, knownHandlers)!;
    }

    /// <summary>Rules on images, at CreateContainer: why the image is denied, or null.</summary>
    /// <param name="pod">The container's pod.</param>
    /// <param name="images">All names of the image: as asked for, and in full form.</param>
    /// <param name="options">The rules.</param>
    public static string? DenyImage(PodFacts pod, IReadOnlyCollection<string> images, SelectionOptions options) =>
        options.Rules
            .Where(r => r is { Deny: not null, When.Images.Count: > 0 } && RuleMatch.Mismatch(r.When, pod) is null)
            .Where(r => images.Any(i => Glob.IsAnyMatch(r.When.Images, i)))
            .Select(r => $"rule '{r.Name}' denies the image {images.First(i => Glob.IsAnyMatch(r.When.Images, i))}: {r.Deny}")
            .FirstOrDefault();

    private static SelectionDecision? Deny(PodFacts pod, SelectionOptions options, List<SelectionStep> steps)
    {
        foreach (var rule in options.Rules.Where(static r => r.Deny is not null))
        {
            var mismatch = rule.When.Images.Count > 0 ? "it is on images, which CreateContainer brings" : RuleMatch.Mismatch(rule.When, pod);
            steps.Add(new(rule.Name, mismatch is null, mismatch ?? $"denies: {rule.Deny}"));
            if (mismatch is null)
            {
                return new() { Handler = "", Reason = $"pod {pod.Namespace}/{pod.Name} is denied by rule '{rule.Name}': {rule.Deny}", Steps = steps };
            }
        }

        return null;
    }

    private static Choice? ByRule(PodFacts pod, IEnumerable<SelectionRule> rules, string words, List<SelectionStep> steps)
    {
        foreach (var rule in rules)
        {
            var mismatch = RuleMatch.Mismatch(rule.When, pod);
            steps.Add(new(rule.Name, mismatch is null, mismatch ?? $"uses {rule.Use}"));
            if (mismatch is null)
            {
                return new(rule.Use ?? "", $"{words} '{rule.Name}'");
            }
        }

        return null;
    }

    private static Choice? ByRuntimeClass(PodFacts pod, List<SelectionStep> steps)
    {
        var given = pod.RuntimeHandler.Length > 0;
        steps.Add(new("RuntimeClass", given, given ? $"asks for {pod.RuntimeHandler}" : "the pod has none"));
        return given ? new(pod.RuntimeHandler, "RuntimeClass") : null;
    }

    // The pod's author is not the operator: what the operator did not list is as if it were not written.
    private static Choice? ByAnnotation(PodFacts pod, AnnotationOptions options, List<SelectionStep> steps)
    {
        foreach (var key in options.Keys)
        {
            if (!pod.Annotations.TryGetValue(key, out var handler) || handler.Length == 0)
            {
                steps.Add(new($"annotation {key}", false, "the pod has none"));
            }
            else if (!Glob.IsAnyMatch(options.Namespaces, pod.Namespace))
            {
                steps.Add(new($"annotation {key}", false, $"not believed in namespace '{pod.Namespace}' (selection.annotations.namespaces)"));
            }
            else if (!options.Handlers.Contains("*") && !options.Handlers.Contains(handler))
            {
                steps.Add(new($"annotation {key}", false, $"may not ask for '{handler}' (selection.annotations.handlers)"));
            }
            else
            {
                steps.Add(new($"annotation {key}", true, $"asks for {handler}"));
                return new(handler, $"annotation {key}");
            }
        }

        return null;
    }

    private static Choice ByDefault(string handler, List<SelectionStep> steps)
    {
        steps.Add(new("default", true, $"uses {handler}"));
        return new(handler, "default");
    }

    private static SelectionDecision? Known(Choice? choice, List<SelectionStep> steps, IReadOnlyCollection<string> known)
    {
        if (choice is null)
        {
            return null;
        }

        return known.Contains(choice.Handler)
            ? new() { Handler = choice.Handler, Reason = choice.Reason, Steps = steps }
            : throw RuntimeException.InvalidArgument(
                $"there is no runtime handler '{choice.Handler}' ({choice.Reason}); {NearestName.Hint(choice.Handler, known)}");
    }

    private sealed record Choice(string Handler, string Reason);
}
