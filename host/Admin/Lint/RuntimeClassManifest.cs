using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Admin.Lint;

/// <summary>A RuntimeClass as a manifest has it.</summary>
/// <param name="File">Where it was read.</param>
/// <param name="ApiVersion">As written.</param>
/// <param name="Name">metadata.name; empty if it is missing.</param>
/// <param name="Handler">Empty if it is missing.</param>
/// <param name="Overhead">overhead.podFixed, by resource, as written.</param>
public sealed record RuntimeClassManifest(string File, string ApiVersion, string Name, string Handler, IReadOnlyDictionary<string, string> Overhead)
{
    /// <summary>Null if it is a manifest of something else.</summary>
    /// <exception cref="RuntimeException">A member is of the wrong kind.</exception>
    public static RuntimeClassManifest? Of(string file, JsonElement manifest) => PodManifest.Text(manifest, "kind") != "RuntimeClass" ? null : new(
        file,
        PodManifest.Text(manifest, "apiVersion") ?? "",
        PodManifest.Text(PodManifest.Member(manifest, "metadata"), "name") ?? "",
        PodManifest.Text(manifest, "handler") ?? "",
        PodManifest.Member(PodManifest.Member(manifest, "overhead"), "podFixed") is { ValueKind: JsonValueKind.Object } fixedPart
            ? fixedPart.EnumerateObject().ToDictionary(static p => p.Name, static p => p.Value.ToString())
            : new Dictionary<string, string>());

    /// <summary>The handler that a pod's RuntimeClass names, where the class is among the manifests; empty if it is not.</summary>
    public static string HandlerOf(JsonElement pod, IReadOnlyList<JsonElement> manifests) =>
        PodManifest.RuntimeClass(pod) is { } name
            ? manifests.Select(static m => Of("", m)).FirstOrDefault(c => c?.Name == name)?.Handler ?? ""
            : "";
}
