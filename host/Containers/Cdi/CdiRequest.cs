using Berth.Abstractions;

namespace Berth.Containers.Cdi;

/// <summary>The CDI devices that a container asks for.</summary>
internal static class CdiRequest
{
    // Device plugins have used annotations before the field existed; their values are lists.
    private const string AnnotationPrefix = "cdi.k8s.io/";

    internal static IReadOnlyList<string> Names(ContainerSpec container) =>
    [
        .. container.CdiDevices
            .Concat(container.Annotations
                .Where(static a => a.Key.StartsWith(AnnotationPrefix, StringComparison.Ordinal))
                .OrderBy(static a => a.Key, StringComparer.Ordinal)
                .SelectMany(static a => a.Value.Split(',')))
            .Distinct(StringComparer.Ordinal),
    ];

    /// <summary>Refuses what the handler's runtime would not do.</summary>
    internal static IReadOnlyList<CdiEdits> Check(IReadOnlyList<CdiEdits> edits, string container, string handler, HandlerFeatures features)
    {
        if (edits.Any(static e => e.Hooks.Count > 0) && !features.Hooks)
        {
            throw RuntimeException.InvalidArgument(
                $"container {container}: a CDI device that it asks for needs hooks, which handler {handler} does not run; choose another RuntimeClass for the pod");
        }

        // linux.netDevices came with version 1.3 of the runtime specification.
        return edits.SelectMany(static e => e.NetDevices).FirstOrDefault() is { } net
            ? throw RuntimeException.FailedPrecondition(
                $"container {container}: a CDI device that it asks for moves the network interface {net.HostInterfaceName} into the container, which is not supported; "
                + "give the interface to the pod by CNI (host-device)")
            : edits;
    }
}
