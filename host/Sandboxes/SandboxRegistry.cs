using System.Text.Json.Serialization;
using Berth.State;

namespace Berth.Sandboxes;

/// <summary>All sandboxes.</summary>
public sealed class SandboxRegistry(StateDatabase database)
    : RecordRegistry<Sandbox>(database, "sandboxes", SandboxJson.Default.Sandbox)
{
    protected override bool IsVisible(Sandbox record) => record.IsVisible;
}

[JsonSourceGenerationOptions(UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Sandbox))]
[JsonSerializable(typeof(PodSandboxSpec))]
internal sealed partial class SandboxJson : JsonSerializerContext;
