using System.Globalization;
using k8s.Models;

namespace Berth.Cluster;

/// <summary>Between our wish and the API's object.</summary>
internal static class RuntimeClassObject
{
    /// <summary>Classes without it are somebody else's.</summary>
    public const string OwnerLabel = "app.kubernetes.io/managed-by";

    public const string Owner = "berth";

    private const string VersionAnnotation = "berth.dev/plugin-version";

    public static V1RuntimeClass Create(PublishedClass wish) => Fill(new() { ApiVersion = "node.k8s.io/v1", Kind = "RuntimeClass", Metadata = new() { Name = wish.Handler } }, wish);

    /// <summary>Sets what is ours and leaves the rest, such as other labels.</summary>
    public static V1RuntimeClass Fill(V1RuntimeClass target, PublishedClass wish)
    {
        target.Metadata.Labels = With(target.Metadata.Labels, OwnerLabel, Owner);
        target.Metadata.Annotations = With(target.Metadata.Annotations, VersionAnnotation, wish.PluginVersion);
        target.Handler = wish.Handler;
        target.Overhead = Overhead(wish) is { Count: > 0 } podFixed ? new() { PodFixed = podFixed } : null;
        target.Scheduling = new()
        {
            NodeSelector = new Dictionary<string, string>(wish.Scheduling?.NodeSelector ?? new Dictionary<string, string>())
            {
                [PublishedHandlers.HandlerLabel + wish.Handler] = "true",
            },
            Tolerations = wish.Scheduling is { Tolerations.Count: > 0 } scheduling
                ? [.. scheduling.Tolerations.Select(static t => new V1Toleration { Key = t.Key, OperatorProperty = t.Operator, Value = t.Value, Effect = t.Effect })]
                : null,
        };
        return target;
    }

    public static bool IsOurs(V1RuntimeClass item) => item.Metadata.Labels is { } labels && labels.TryGetValue(OwnerLabel, out var owner) && owner == Owner;

    /// <summary>Another node has a newer version of the plugin, and has said what it wants.</summary>
    public static bool IsNewer(V1RuntimeClass item, PublishedClass wish) =>
        item.Metadata.Annotations is { } annotations && annotations.TryGetValue(VersionAnnotation, out var written)
        && Number(written) is { } theirs && Number(wish.PluginVersion) is { } ours && theirs > ours;

    private static Version? Number(string version) => Version.TryParse(version.Split('-', '+')[0], out var number) ? number : null;

    private static Dictionary<string, ResourceQuantity> Overhead(PublishedClass wish)
    {
        var podFixed = new Dictionary<string, ResourceQuantity>();
        if (wish.Overhead is { CpuMillis: > 0 and var cpu })
        {
            podFixed["cpu"] = new(string.Create(CultureInfo.InvariantCulture, $"{cpu}m"));
        }

        if (wish.Overhead is { MemoryBytes: > 0 and var memory })
        {
            podFixed["memory"] = new(memory.ToString(CultureInfo.InvariantCulture));
        }

        return podFixed;
    }

    private static Dictionary<string, string> With(IDictionary<string, string>? map, string key, string value) =>
        new(map ?? new Dictionary<string, string>()) { [key] = value };
}
