using Berth.Abstractions;
using Berth.Configuration;
using Berth.Plugins;

namespace Berth.Admin.Lint;

/// <summary>RuntimeClass manifests against the handlers of the configuration.</summary>
internal static class RuntimeClassLint
{
    private const string ApiVersion = "node.k8s.io/v1";

    public static IEnumerable<DoctorFinding> Examine(IReadOnlyList<RuntimeClassManifest> classes, IReadOnlyList<HandlerPlan> handlers)
    {
        foreach (var twice in classes.GroupBy(static c => c.Name).Where(static g => g.Key.Length > 0 && g.Count() > 1))
        {
            yield return DoctorFinding.Error(
                Subject(twice.First()), $"{twice.Count()} RuntimeClasses have this name", "the one that is applied last wins: give each a name of its own");
        }

        foreach (var finding in classes.SelectMany(c => Examine(c, handlers)))
        {
            yield return finding;
        }

        var named = classes.Select(static c => c.Handler).ToHashSet(StringComparer.Ordinal);
        foreach (var handler in handlers.Where(h => classes.Count > 0 && !h.Disabled && !named.Contains(h.Name)))
        {
            yield return DoctorFinding.Ok($"handlers.{handler.Name}", "no RuntimeClass names it: pods get it by a rule, an annotation or as the default only");
        }
    }

    private static IEnumerable<DoctorFinding> Examine(RuntimeClassManifest manifest, IReadOnlyList<HandlerPlan> handlers)
    {
        var subject = Subject(manifest);
        if (manifest.ApiVersion != ApiVersion)
        {
            yield return DoctorFinding.Error(subject, $"apiVersion is '{manifest.ApiVersion}'", $"write {ApiVersion}");
        }

        if (manifest.Name.Length == 0)
        {
            yield return DoctorFinding.Error(subject, "metadata.name is missing", "give it the name that pods write as runtimeClassName");
        }

        if (manifest.Handler.Length == 0)
        {
            yield return DoctorFinding.Error(subject, "handler is missing", $"name a handler; {NearestName.Hint(manifest.Name, Names(handlers))}");
            yield break;
        }

        var handler = handlers.FirstOrDefault(h => h.Name == manifest.Handler);
        if (handler is null)
        {
            yield return DoctorFinding.Error(subject, $"there is no handler '{manifest.Handler}'", NearestName.Hint(manifest.Handler, Names(handlers)));
        }
        else if (handler.Disabled)
        {
            yield return DoctorFinding.Error(
                subject, $"handler '{handler.Name}' is disabled in the configuration", $"remove the class, or handlers.{handler.Name}.disabled");
        }
        else
        {
            foreach (var finding in Overhead(subject, manifest, handler.Overhead ?? new()))
            {
                yield return finding;
            }
        }
    }

    private static IEnumerable<DoctorFinding> Overhead(string subject, RuntimeClassManifest manifest, PodOverhead needed) =>
        Overhead(subject, manifest, "memory", needed.MemoryBytes, 1, "")
            .Concat(Overhead(subject, manifest, "cpu", needed.CpuMillis, 1000, "m"));

    // The scheduler and the pod's cgroup go by the class: too little there, and the handler's own processes squeeze the containers.
    private static IEnumerable<DoctorFinding> Overhead(string subject, RuntimeClassManifest manifest, string resource, long needed, decimal unit, string suffix)
    {
        if (!manifest.Overhead.TryGetValue(resource, out var written))
        {
            return needed == 0
                ? []
                : [DoctorFinding.Warning(subject, $"it declares no overhead of {resource}; the plugin's manifest says {needed}{suffix}", Remedy(resource, needed, suffix))];
        }

        try
        {
            return PodSize.Parse(written) * unit >= needed
                ? []
                : [DoctorFinding.Warning(subject, $"it declares {written} as overhead of {resource}; the plugin's manifest says {needed}{suffix}", Remedy(resource, needed, suffix))];
        }
        catch (RuntimeException e)
        {
            return [DoctorFinding.Error(subject, $"overhead.podFixed.{resource}: {e.Message}", "write a quantity")];
        }
    }

    private static string Remedy(string resource, long needed, string suffix) => $"overhead: {{ podFixed: {{ {resource}: \"{needed}{suffix}\" }} }}";

    private static List<string> Names(IReadOnlyList<HandlerPlan> handlers) => [.. handlers.Where(static h => !h.Disabled).Select(static h => h.Name)];

    private static string Subject(RuntimeClassManifest manifest) => $"{manifest.File}: RuntimeClass {(manifest.Name.Length > 0 ? manifest.Name : "without a name")}";
}
