namespace Berth.Containers.Spec;

/// <summary>Programs of the host that the runtime runs at steps of a container's life: OCI runtime specification, config.md.</summary>
public sealed record OciHooks
{
    public IReadOnlyList<OciHook>? Prestart { get; init; }

    public IReadOnlyList<OciHook>? CreateRuntime { get; init; }

    public IReadOnlyList<OciHook>? CreateContainer { get; init; }

    public IReadOnlyList<OciHook>? StartContainer { get; init; }

    public IReadOnlyList<OciHook>? Poststart { get; init; }

    public IReadOnlyList<OciHook>? Poststop { get; init; }
}

/// <param name="Path">Absolute.</param>
/// <param name="Args">With argv[0].</param>
/// <param name="Env"><c>NAME=value</c>.</param>
/// <param name="Timeout">Seconds.</param>
public sealed record OciHook(string Path, IReadOnlyList<string>? Args, IReadOnlyList<string>? Env, int? Timeout);
