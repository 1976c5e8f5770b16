namespace Berth.Configuration;

/// <summary>Checks that the selection names handlers which exist.</summary>
internal static class HandlerReferences
{
    /// <param name="options">What was read.</param>
    /// <param name="offered">The handlers that manifests offer.</param>
    /// <param name="defaultIsGiven">The default is the operator's; the built-in one may be missing on a machine without plugins.</param>
    /// <param name="errors">Gets what is wrong.</param>
    public static void Check(BerthOptions options, IReadOnlySet<string> offered, bool defaultIsGiven, List<string> errors)
    {
        var disabled = options.Handlers.Where(static h => h.Value.Disabled).Select(static h => h.Key).ToHashSet();
        var known = options.Handlers.Keys.Concat(offered).Where(h => !disabled.Contains(h)).ToHashSet();

        foreach (var (path, handler) in References(options.Selection, defaultIsGiven).Where(r => !known.Contains(r.Handler)))
        {
            errors.Add(disabled.Contains(handler)
                ? $"{path}: handler '{handler}' is disabled"
                : $"{path}: there is no handler '{handler}'; {NearestName.Hint(handler, known)}");
        }

        foreach (var (handler, _) in options.Selection.Fallback.Where(static f => f.Value.Contains(f.Key)))
        {
            errors.Add($"selection.fallback.{handler}: a handler cannot stand in for itself");
        }

        foreach (var (name, _) in options.Handlers.Where(h => h.Value is { Plugin: null, Disabled: false } && !offered.Contains(h.Key)))
        {
            errors.Add($"handlers.{name}.plugin: no plugin offers a handler of this name, so its plugin has to be named here");
        }
    }

    private static IEnumerable<(string Path, string Handler)> References(SelectionOptions selection, bool defaultIsGiven)
    {
        if (defaultIsGiven)
        {
            yield return ("selection.default", selection.Default);
        }

        for (var i = 0; i < selection.Annotations.Handlers.Count; i++)
        {
            if (selection.Annotations.Handlers[i] is var handler && handler != "*")
            {
                yield return ($"selection.annotations.handlers[{i}]", handler);
            }
        }

        for (var i = 0; i < selection.Annotations.Mapped.Count; i++)
        {
            yield return ($"selection.annotations.mapped[{i}].use", selection.Annotations.Mapped[i].Use);
        }

        foreach (var (handler, others) in selection.Fallback.OrderBy(static f => f.Key, StringComparer.Ordinal))
        {
            foreach (var name in others.Prepend(handler))
            {
                yield return ($"selection.fallback.{handler}", name);
            }
        }

        for (var i = 0; i < selection.Rules.Count; i++)
        {
            if (selection.Rules[i].Use is { } handler)
            {
                yield return ($"selection.rules[{i}].use", handler);
            }
        }
    }
}
