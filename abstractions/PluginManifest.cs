using System.Text.Json;

namespace Berth.Abstractions;

/// <summary>The content of a plugin's <c>plugin.json</c>.</summary>
public sealed record PluginManifest
{
    /// <summary>Lower-case letters, digits and dashes, at most 63; handlers in plugins.json name it.</summary>
    public required string Id { get; init; }

    /// <summary>The plugin's own version, <c>major.minor.patch</c>.</summary>
    public required string Version { get; init; }

    /// <summary>The contract versions that it works with.</summary>
    public required ContractRange Contract { get; init; }

    /// <summary>The assembly's file name within the folder.</summary>
    public required string Assembly { get; init; }

    /// <summary>One line for people.</summary>
    public string? Description { get; init; }

    /// <summary>
    /// Where the plugin runs. Null leaves it to the gateway: its own plugins run in its process, all others in one of their own.
    /// plugins.json has the last word.
    /// </summary>
    public PluginIsolation? Isolation { get; init; }

    /// <summary>The handlers that exist as soon as the folder is there, by name.</summary>
    public IReadOnlyDictionary<string, ManifestHandler> Handlers { get; init; } = new Dictionary<string, ManifestHandler>();

    /// <summary>The versions of <see cref="StateRecord"/> that it can read.</summary>
    public IReadOnlyList<int> StateVersions { get; init; } = [];

    /// <summary>The forms of root file system that it takes, best first.</summary>
    public IReadOnlyList<RootfsForm> RootfsForms { get; init; } = [RootfsForm.Mounted];

    /// <summary>Abilities, before any look at the machine; <see cref="HandlerCheck.Features"/> has the last word.</summary>
    public IReadOnlyList<string> Features { get; init; } = [];

    /// <summary>
    /// The keys of the pod annotations that its handlers read. No others reach them, unless plugins.json lists other keys for
    /// a handler.
    /// </summary>
    public IReadOnlyList<string> Annotations { get; init; } = [];
}

/// <summary>A handler that a manifest offers.</summary>
public sealed record ManifestHandler
{
    /// <summary>Default options; plugins.json overrides single keys.</summary>
    public JsonElement? Options { get; init; }

    /// <summary>What a pod costs beyond its containers.</summary>
    public PodOverhead? Overhead { get; init; }

    /// <summary>Which nodes its pods may go to, for the RuntimeClass that the gateway publishes where it is told to.</summary>
    public HandlerScheduling? Scheduling { get; init; }
}

/// <summary>Where the scheduler may put pods of a handler, as a RuntimeClass says it.</summary>
public sealed record HandlerScheduling
{
    /// <summary>Labels that a node must have, besides the one that says that it has the handler.</summary>
    public IReadOnlyDictionary<string, string> NodeSelector { get; init; } = new Dictionary<string, string>();

    /// <summary>Taints that the pods tolerate.</summary>
    public IReadOnlyList<HandlerToleration> Tolerations { get; init; } = [];
}

/// <summary>A taint that pods tolerate, in the words of Kubernetes.</summary>
public sealed record HandlerToleration
{
    /// <summary>The taint's key; null tolerates every one.</summary>
    public string? Key { get; init; }

    /// <summary><c>Exists</c> or <c>Equal</c>.</summary>
    public string Operator { get; init; } = "Exists";

    /// <summary>The taint's value, for <c>Equal</c>.</summary>
    public string? Value { get; init; }

    /// <summary><c>NoSchedule</c>, <c>PreferNoSchedule</c> or <c>NoExecute</c>; null is all of them.</summary>
    public string? Effect { get; init; }
}

/// <summary>What a pod costs beyond its containers.</summary>
public sealed record PodOverhead
{
    /// <summary>Thousandths of a processor.</summary>
    public long CpuMillis { get; init; }

    /// <summary>Bytes.</summary>
    public long MemoryBytes { get; init; }
}

/// <summary>A closed range of contract versions, each <c>major.minor</c>.</summary>
/// <param name="Min">The lowest.</param>
/// <param name="Max">The highest; only the major part counts, as minor versions only add.</param>
public sealed record ContractRange(string Min, string Max);

/// <summary>Where a plugin runs.</summary>
public enum PluginIsolation
{
    /// <summary>In the gateway's process, in a load context of its own.</summary>
    InProcess,

    /// <summary>In a process of its own.</summary>
    Process,
}

/// <summary>The contract's version.</summary>
public static class ContractVersion
{
    /// <summary>Changes when a plugin would break.</summary>
    public const int Major = 1;

    /// <summary>Changes when something is added.</summary>
    public const int Minor = 0;
}
