using System.Text.Json;
using Berth.Abstractions;
using Berth.Plugins;

namespace Berth.Admin;

/// <summary>
/// From a Kubernetes manifest to what RunPodSandbox would tell of its pod. A workload (Deployment, DaemonSet, Job, CronJob, ...)
/// stands for the pods of its template.
/// </summary>
public static class PodManifest
{
    /// <param name="manifest">A Pod or a workload.</param>
    /// <param name="runtimeHandler">
    /// What the pod's RuntimeClass names; empty takes the class's own name, as the class itself is known to the cluster only.
    /// </param>
    /// <exception cref="RuntimeException">It is no such manifest.</exception>
    public static PodFacts ToFacts(JsonElement manifest, string runtimeHandler)
    {
        var pod = FindPod(manifest) ?? throw RuntimeException.InvalidArgument("the manifest is neither a Pod nor has a pod template");
        var metadata = Member(pod, "metadata");
        var spec = Member(pod, "spec") ?? throw RuntimeException.InvalidArgument("the pod has no spec");
        var resources = PodSize.Of(spec);
        return new()
        {
            Namespace = Text(metadata, "namespace") ?? Text(Member(manifest, "metadata"), "namespace") ?? "default",
            Name = Text(metadata, "name") ?? Text(Member(manifest, "metadata"), "name") ?? "",
            Uid = Text(metadata, "uid") ?? "",
            Labels = Texts(metadata, "labels"),
            Annotations = Texts(metadata, "annotations"),
            HostNetwork = IsTrue(spec, "hostNetwork"),
            HostPid = IsTrue(spec, "hostPID"),
            HostIpc = IsTrue(spec, "hostIPC"),
            Privileged = PodSize.Containers(spec, "containers").Concat(PodSize.Containers(spec, "initContainers"))
                .Any(static c => Member(c, "securityContext") is { } context && IsTrue(context, "privileged")),
            MemoryBytes = resources.MemoryBytes,
            CpuMillis = resources.CpuMillis,
            CpuRequestMillis = resources.CpuRequestMillis,
            RuntimeHandler = runtimeHandler.Length > 0 ? runtimeHandler : Text(spec, "runtimeClassName") ?? "",
        };
    }

    /// <summary>The pod's RuntimeClass; null if it has none.</summary>
    public static string? RuntimeClass(JsonElement manifest) => Text(Member(FindPod(manifest), "spec"), "runtimeClassName");

    /// <summary>The images of its containers, by container.</summary>
    public static IEnumerable<(string Container, string Image)> Images(JsonElement manifest) =>
        FindPod(manifest) is { } pod && Member(pod, "spec") is { } spec
            ? PodSize.Containers(spec, "initContainers").Concat(PodSize.Containers(spec, "containers"))
                .Select(static c => (Text(c, "name") ?? "", Text(c, "image") ?? "")).Where(static c => c.Item2.Length > 0)
            : [];

    internal static JsonElement? Member(JsonElement? element, string name) =>
        element is { ValueKind: JsonValueKind.Object } e && e.TryGetProperty(name, out var member) && member.ValueKind != JsonValueKind.Null ? member : null;

    private static JsonElement? FindPod(JsonElement manifest)
    {
        var spec = Member(manifest, "spec");
        return Text(manifest, "kind") == "Pod" ? manifest
            : Member(spec, "template") ?? Member(Member(Member(spec, "jobTemplate"), "spec"), "template");
    }

    internal static string? Text(JsonElement? element, string name) => Member(element, name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } member => member.GetString(),
        _ => throw RuntimeException.InvalidArgument($"{name} is not a text"),
    };

    private static bool IsTrue(JsonElement element, string name) => Member(element, name)?.ValueKind switch
    {
        null or JsonValueKind.False => false,
        JsonValueKind.True => true,
        _ => throw RuntimeException.InvalidArgument($"{name} is not true or false"),
    };

    private static Dictionary<string, string> Texts(JsonElement? element, string name)
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        if (Member(element, name) is { } members)
        {
            if (members.ValueKind != JsonValueKind.Object)
            {
                throw RuntimeException.InvalidArgument($"{name} is not a map");
            }

            foreach (var member in members.EnumerateObject())
            {
                result[member.Name] = member.Value.ValueKind == JsonValueKind.String
                    ? member.Value.GetString()!
                    : throw RuntimeException.InvalidArgument($"{name}.{member.Name} is not a text: quote it");
            }
        }

        return result;
    }
}
