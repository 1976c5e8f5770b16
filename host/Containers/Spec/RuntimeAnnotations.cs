using Berth.Abstractions;
using Berth.Configuration;

namespace Berth.Containers.Spec;

/// <summary>
/// Annotations in config.json are orders to some runtimes. Which of a pod's come here is decided before; those that would
/// let a pod set properties of systemd units, or run hooks as root, never do.
/// </summary>
internal static class RuntimeAnnotations
{
    internal static IReadOnlyDictionary<string, string> Check(IReadOnlyDictionary<string, string> annotations) =>
        annotations.Keys.FirstOrDefault(AnnotationKeys.IsOrderToTheRuntime) is { } bad
            ? throw RuntimeException.InvalidArgument($"the annotation {bad} would control the runtime itself and is not let through; remove it")
            : annotations;
}
