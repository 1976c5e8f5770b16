using Berth.Configuration;
using Berth.Plugins;
using Berth.Plugins.Signatures;

namespace Berth.Admin.Lint;

/// <summary>What a configuration that loads says, and surely does not mean.</summary>
internal static class ConfigurationLint
{
    public static IEnumerable<DoctorFinding> Examine(BerthOptions options, IReadOnlyList<HandlerPlan> handlers) =>
        [.. Folders(options.Plugins), .. Plugins(options.Plugins), .. Handlers(options, handlers), .. Annotations(options.Selection.Annotations), .. Rules(options.Selection.Rules)];

    private static IEnumerable<DoctorFinding> Folders(PluginsOptions options) =>
        options.Folders.Where(static f => !Directory.Exists(f))
            .Select(static f => DoctorFinding.Warning("plugins.folders", $"{f} does not exist here", "its plugins' handlers are not checked"));

    private static IEnumerable<DoctorFinding> Plugins(PluginsOptions options)
    {
        var (seen, policy) = (new Dictionary<string, string>(StringComparer.Ordinal), new SignaturePolicy(TimeProvider.System));
        foreach (var candidate in PluginScan.Find(options.Folders))
        {
            if (candidate.Manifest is not { } manifest)
            {
                yield return DoctorFinding.Error(candidate.Folder, candidate.Reason, "the plugin is not taken like this");
            }
            else if (!seen.TryAdd(manifest.Id, candidate.Folder))
            {
                yield return DoctorFinding.Warning(candidate.Folder, $"{seen[manifest.Id]} has a plugin of the same id, {manifest.Id}, and is the one in use", "remove one of them");
            }
            else if (policy.Examine(candidate.Folder, manifest.Id, options.Signatures).Refusal is { Length: > 0 } refusal)
            {
                yield return DoctorFinding.Warning(candidate.Folder, $"a gateway that did not come with plugin {manifest.Id} does not take it: {refusal}", "list its maker's key in plugins.signatures.keys");
            }
        }
    }

    private static IEnumerable<DoctorFinding> Handlers(BerthOptions options, IReadOnlyList<HandlerPlan> handlers)
    {
        var plugins = PluginScan.Find(options.Plugins.Folders).Select(static c => c.Manifest?.Id).OfType<string>().ToHashSet(StringComparer.Ordinal);
        foreach (var handler in handlers.Where(h => plugins.Count > 0 && h is { Disabled: false, Plugin.Length: > 0 } && !plugins.Contains(h.Plugin)))
        {
            yield return DoctorFinding.Error($"handlers.{handler.Name}.plugin", $"there is no plugin '{handler.Plugin}'", NearestName.Hint(handler.Plugin, plugins));
        }

        if (!handlers.Any(h => !h.Disabled && h.Name == options.Selection.Default))
        {
            var known = handlers.Where(static h => !h.Disabled).Select(static h => h.Name).ToList();
            yield return DoctorFinding.Error("selection.default", $"there is no handler '{options.Selection.Default}'", NearestName.Hint(options.Selection.Default, known));
        }
    }

    private static IEnumerable<DoctorFinding> Annotations(AnnotationOptions options)
    {
        if (options.Namespaces.Count == 0 && (options.Handlers.Count > 0 || options.Mapped.Count > 0))
        {
            yield return DoctorFinding.Warning("selection.annotations", "no namespace is listed, so no annotation is believed", "list namespaces, or \"*\"");
        }

        if (options.Namespaces.Count > 0 && options.Handlers.Count == 0 && options.Mapped.Count == 0)
        {
            yield return DoctorFinding.Warning("selection.annotations", "no handler is listed, so an annotation may ask for none", "list handlers, or \"*\"");
        }
    }

    private static IEnumerable<DoctorFinding> Rules(IReadOnlyList<SelectionRule> rules)
    {
        foreach (var twice in rules.GroupBy(static r => r.Name).Where(static g => g.Count() > 1))
        {
            yield return DoctorFinding.Warning("selection.rules", $"{twice.Count()} rules are named '{twice.Key}'", "the name is the reason that pods show: give each its own");
        }

        // Each group is looked at by itself, in this order; the first that takes every pod ends the search.
        IReadOnlyList<SelectionRule> order =
        [
            .. rules.Where(static r => r.Deny is not null && r.When.Images.Count == 0),
            .. rules.Where(static r => r is { Deny: null, Enforce: true }),
        ];
        foreach (var finding in Unreached(order).Concat(Unreached([.. rules.Where(static r => r is { Deny: null, Enforce: false })])))
        {
            yield return finding;
        }

        foreach (var rule in rules.Where(static r => r.Share == 0))
        {
            yield return DoctorFinding.Ok($"rule '{rule.Name}'", "its share is 0: it takes no pod");
        }
    }

    private static IEnumerable<DoctorFinding> Unreached(IReadOnlyList<SelectionRule> order)
    {
        var all = order.FirstOrDefault(TakesEveryPod);
        return order.SkipWhile(r => r != all).Skip(1)
            .Select(r => DoctorFinding.Warning($"rule '{r.Name}'", $"it is never looked at: rule '{all!.Name}' takes every pod before it", "put it first, or give that one a condition"));
    }

    private static bool TakesEveryPod(SelectionRule rule)
    {
        var when = rule.When;
        return rule.Share is null or 100
            && (when.Namespaces.Count == 0 || when.Namespaces.Contains("*"))
            && (when.Names.Count == 0 || when.Names.Contains("*"))
            && when.Labels.Count == 0
            && when.Annotations.Count == 0
            && when is { HostNetwork: null, HostPid: null, HostIpc: null, Privileged: null }
            && (when.MinMemoryBytes ?? 0) == 0
            && (when.MinCpuMillis ?? 0) == 0
            && (when.MinCpuRequestMillis ?? 0) == 0;
    }
}
