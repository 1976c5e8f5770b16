using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Containers;
using Berth.Images;
using Berth.Sandboxes;

namespace Berth.Cri.Mapping;

/// <summary>The JSON under the key <c>info</c> of verbose answers: for people and their tools, not part of the API.</summary>
internal static class VerboseInfo
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    public static string Of(Sandbox sandbox) => Write(new
    {
        sandbox.Phase,
        sandbox.Handler,
        sandbox.Plugin,
        sandbox.PluginVersion,
        sandbox.RuntimeVersion,
        sandbox.PluginDigest,
        sandbox.HandlerInstance,
        sandbox.HandlerReason,
        sandbox.HandlerDetails,
        sandbox.RequestedHandler,
        sandbox.Hostname,
        sandbox.Pid,
        NetworkNamespace = sandbox.Network?.NamespacePath ?? sandbox.NamespacePaths.GetValueOrDefault("network"),
        sandbox.NamespacePaths,
        sandbox.Cgroup,
        sandbox.OwnedCgroups,
        CgroupLimitsAreSetBy = sandbox.LimitedBy,
        sandbox.Spec.Resources,
        sandbox.Spec.Overhead,
        sandbox.Network,
        CniResult = sandbox.CniResult is { } result ? JsonElement.Parse(result) : (JsonElement?)null,
        sandbox.Owed,
    });

    /// <summary>The names that tools know from other runtimes are kept: sandboxID, pid.</summary>
    public static string Of(Container container, Sandbox? sandbox) => Write(new
    {
        SandboxID = container.SandboxId,
        sandbox?.Handler,
        sandbox?.HandlerReason,
        container.Phase,
        container.Pid,
        container.CgroupPath,
        BundlePath = container.Request?.BundlePath,
        RuntimeSpecPath = container.Request is { } request ? Path.Combine(request.BundlePath, "config.json") : null,
        Snapshot = container.Request?.Rootfs,
        container.Owed,
    });

    public static string Of(ImageModel image) => Write(new { image.Id, ImageSpec = image.Config });

    public static string Of(IReadOnlyList<HandlerStatus> handlers) => Write(handlers);

    private static string Write<T>(T value) => JsonSerializer.Serialize(value, Options);
}
