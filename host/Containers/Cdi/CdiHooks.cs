using Berth.Containers.Spec;

namespace Berth.Containers.Cdi;

/// <summary>Hooks of CDI devices, by their step.</summary>
internal static class CdiHooks
{
    internal static OciHooks? Merge(OciHooks? existing, IReadOnlyList<CdiHook> hooks) => hooks.Count == 0
        ? existing
        : new()
        {
            Prestart = Add(existing?.Prestart, "prestart", hooks),
            CreateRuntime = Add(existing?.CreateRuntime, "createRuntime", hooks),
            CreateContainer = Add(existing?.CreateContainer, "createContainer", hooks),
            StartContainer = Add(existing?.StartContainer, "startContainer", hooks),
            Poststart = Add(existing?.Poststart, "poststart", hooks),
            Poststop = Add(existing?.Poststop, "poststop", hooks),
        };

    private static IReadOnlyList<OciHook>? Add(IReadOnlyList<OciHook>? existing, string step, IReadOnlyList<CdiHook> hooks)
    {
        IReadOnlyList<OciHook> all =
            [.. existing ?? [], .. hooks.Where(h => h.HookName == step).Select(static h => new OciHook(h.Path, h.Args, h.Env, h.Timeout))];
        return all.Count > 0 ? all : null;
    }
}
