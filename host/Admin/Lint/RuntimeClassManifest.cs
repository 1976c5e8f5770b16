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

    /// <summary>The handler of a RuntimeClass: what the class says, where it is among the manifests, else its own name.</summary>
    public static string HandlerOf(string runtimeClass, IReadOnlyList<JsonElement> manifests) =>
        manifests.Select(static m => Of("", m)).FirstOrDefault(c => c?.Name == runtimeClass) is { Handler.Length: > 0 } found ? found.Handler : runtimeClass;
}
