using Berth.Abstractions;
using Berth.Containers.Spec;

namespace Berth.Containers;

/// <summary>What a container gets of its classes; null is nothing.</summary>
public sealed record ChosenClasses(OciIntelRdt? Rdt, OciBlockIO? Blockio)
{
    internal SpecResult Apply(SpecResult result) => result with
    {
        Spec = result.Spec with
        {
            Linux = result.Spec.Linux with { IntelRdt = Rdt, Resources = result.Spec.Linux.Resources with { BlockIO = Blockio } },
        },
    };
}

/// <summary>
/// Classes of cache and memory bandwidth (RDT) and of disks (blockio). CRI has no field for them: they come as annotations, of the
/// container, or of the pod for one of its containers or for all, as the other runtimes of Kubernetes take them.
/// </summary>
public sealed class ResourceClasses(BlockioClasses blockio)
{
    /// <exception cref="RuntimeException">A class is not known, or this host or handler has none.</exception>
    public ChosenClasses Choose(ContainerSpec container, IReadOnlyDictionary<string, string> pod, string handler, HandlerFeatures features)
    {
        var rdtName = Name("rdt", container, pod);
        var blockioName = Name("blockio", container, pod);
        if ((rdtName ?? blockioName) is { } asked && !features.ResourceClasses)
        {
            throw RuntimeException.InvalidArgument(
                $"container {container.Name} asks for the class \"{asked}\" (RDT or blockio), which handler {handler} does not apply; leave it out, or choose another RuntimeClass for the pod");
        }

        return new(
            rdtName is null ? null : RdtClass.Find(rdtName, HostFacts.Resctrl),
            blockioName is null ? null : blockio.Find(blockioName));
    }

    internal static string? Name(string kind, ContainerSpec container, IReadOnlyDictionary<string, string> pod) =>
        container.Annotations.GetValueOrDefault($"io.kubernetes.cri.{kind}-class")
        ?? pod.GetValueOrDefault($"{kind}.resources.beta.kubernetes.io/container.{container.Name}")
        ?? pod.GetValueOrDefault($"{kind}.resources.beta.kubernetes.io/pod");
}
