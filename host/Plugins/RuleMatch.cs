using Berth.Configuration;

namespace Berth.Plugins;

/// <summary>Whether a rule's conditions hold for a pod.</summary>
internal static class RuleMatch
{
    /// <summary>Null if the rule takes the pod; else why not, in words.</summary>
    public static string? Mismatch(SelectionRule rule, PodFacts pod) => Mismatch(rule.When, pod) ?? RuleShare.Mismatch(rule, pod);

    /// <summary>Null if all conditions hold, leaving images aside; else the first that does not, in words.</summary>
    public static string? Mismatch(RuleConditions when, PodFacts pod) =>
        Names("namespace", when.Namespaces, pod.Namespace)
        ?? Names("name", when.Names, pod.Name)
        ?? Values("label", when.Labels, pod.Labels)
        ?? Values("annotation", when.Annotations, pod.Annotations)
        ?? Flag("hostNetwork", when.HostNetwork, pod.HostNetwork)
        ?? Flag("hostPid", when.HostPid, pod.HostPid)
        ?? Flag("hostIpc", when.HostIpc, pod.HostIpc)
        ?? Flag("privileged", when.Privileged, pod.Privileged)
        ?? AtLeast("memory", when.MinMemoryBytes, pod.MemoryBytes, "bytes")
        ?? AtLeast("cpu", when.MinCpuMillis, pod.CpuMillis, "millis")
        ?? (when.MinCpuRequestMillis is { } least && pod.CpuRequestMillis < least ? $"the cpu request is {pod.CpuRequestMillis} millis, below {least}" : null);

    private static string? Names(string what, IReadOnlyList<string> patterns, string name) =>
        patterns.Count == 0 || Glob.IsAnyMatch(patterns, name) ? null : $"{what} '{name}' is not {string.Join(" or ", patterns)}";

    private static string? Values(string what, IReadOnlyDictionary<string, string> wanted, IReadOnlyDictionary<string, string> present)
    {
        foreach (var (key, pattern) in wanted.OrderBy(static w => w.Key, StringComparer.Ordinal))
        {
            if (!present.TryGetValue(key, out var value))
            {
                return $"{what} {key} is not there";
            }

            if (!Glob.IsMatch(pattern, value))
            {
                return $"{what} {key} is not {pattern}";
            }
        }

        return null;
    }

    private static string? Flag(string what, bool? wanted, bool present) =>
        wanted is null || wanted == present ? null : $"{what} is {(present ? "true" : "false")}";

    private static string? AtLeast(string what, long? least, long present, string unit) =>
        least is null || present >= least ? null : $"{what} is {(present == 0 ? "not limited" : $"{present} {unit}")}, below {least}";
}
