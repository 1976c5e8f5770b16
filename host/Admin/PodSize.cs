using System.Globalization;
using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Admin;

/// <summary>A pod's limits and requests as the kubelet sums them up: the containers together, or the largest init container.</summary>
internal static class PodSize
{
    // Suffixes of a Kubernetes quantity, see the API reference's resource.Quantity.
    private static readonly Dictionary<string, decimal> Factors = new(StringComparer.Ordinal)
    {
        ["m"] = 0.001m,
        [""] = 1,
        ["k"] = 1e3m,
        ["M"] = 1e6m,
        ["G"] = 1e9m,
        ["T"] = 1e12m,
        ["P"] = 1e15m,
        ["E"] = 1e18m,
        ["Ki"] = 1L << 10,
        ["Mi"] = 1L << 20,
        ["Gi"] = 1L << 30,
        ["Ti"] = 1L << 40,
        ["Pi"] = 1L << 50,
        ["Ei"] = 1L << 60,
    };

    public static (long MemoryBytes, long CpuMillis, long CpuRequestMillis) Of(JsonElement spec) => (
        Sum(spec, 1, static c => Quantity(c, "limits", "memory") ?? 0),
        Sum(spec, 1000, static c => Quantity(c, "limits", "cpu") ?? 0),
        // The API server takes the limit for a request that is not given.
        Sum(spec, 1000, static c => Quantity(c, "requests", "cpu") ?? Quantity(c, "limits", "cpu") ?? 0));

    public static IEnumerable<JsonElement> Containers(JsonElement spec, string name) => PodManifest.Member(spec, name) switch
    {
        null => [],
        { ValueKind: JsonValueKind.Array } list => list.EnumerateArray(),
        _ => throw RuntimeException.InvalidArgument($"{name} is not a list"),
    };

    private static long Sum(JsonElement spec, decimal unit, Func<JsonElement, decimal> of)
    {
        var together = Containers(spec, "containers").Sum(of);
        var largestInit = Containers(spec, "initContainers").Select(of).DefaultIfEmpty().Max();
        return (long)Math.Min(Math.Ceiling(Math.Max(together, largestInit) * unit), long.MaxValue);
    }

    private static decimal? Quantity(JsonElement container, string kind, string resource) =>
        PodManifest.Member(PodManifest.Member(PodManifest.Member(container, "resources"), kind), resource) is { } value ? Parse(value.ToString()) : null;

    internal static decimal Parse(string quantity)
    {
        var number = quantity.TrimEnd([.. "mkKMGTPEi"]);
        return Factors.TryGetValue(quantity[number.Length..], out var factor)
            && decimal.TryParse(number, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            && value >= 0
            ? value > long.MaxValue / factor ? long.MaxValue : value * factor
            : throw RuntimeException.InvalidArgument($"'{quantity}' is not a quantity like 500m or 128Mi");
    }
}
