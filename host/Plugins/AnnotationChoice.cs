using Berth.Configuration;

namespace Berth.Plugins;

/// <summary>
/// What a pod's annotations ask for. The pod's author is not the operator: what the operator did not list is as if it were
/// not written.
/// </summary>
internal static class AnnotationChoice
{
    public static HandlerChoice? Of(PodFacts pod, AnnotationOptions options, List<SelectionStep> steps) =>
        Named(pod, options, steps) ?? Mapped(pod, options, steps);

    private static HandlerChoice? Named(PodFacts pod, AnnotationOptions options, List<SelectionStep> steps)
    {
        foreach (var key in options.Keys)
        {
            var handler = pod.Annotations.GetValueOrDefault(key, "");
            var fault = handler.Length == 0 ? "the pod has none"
                : Disbelief(pod, options)
                ?? (options.Handlers.Contains("*") || options.Handlers.Contains(handler) ? null : $"may not ask for '{handler}' (selection.annotations.handlers)");
            steps.Add(new($"annotation {key}", fault is null, fault ?? $"asks for {handler}"));
            if (fault is null)
            {
                return new(handler, $"annotation {key}");
            }
        }

        return null;
    }

    // The operator has named the handler with the mapping, so the list of handlers has no say.
    private static HandlerChoice? Mapped(PodFacts pod, AnnotationOptions options, List<SelectionStep> steps)
    {
        foreach (var mapped in options.Mapped)
        {
            var fault = !pod.Annotations.TryGetValue(mapped.Key, out var value) ? "the pod has none"
                : value != mapped.Value ? $"is not '{mapped.Value}'"
                : Disbelief(pod, options);
            steps.Add(new($"annotation {mapped.Key}", fault is null, fault ?? $"stands for {mapped.Use}"));
            if (fault is null)
            {
                return new(mapped.Use, $"annotation {mapped.Key}={mapped.Value}");
            }
        }

        return null;
    }

    private static string? Disbelief(PodFacts pod, AnnotationOptions options) =>
        Glob.IsAnyMatch(options.Namespaces, pod.Namespace) ? null : $"not believed in namespace '{pod.Namespace}' (selection.annotations.namespaces)";
}
