using System.Text.Json.Serialization;
using Berth.State;

namespace Berth.Containers;

/// <summary>All containers.</summary>
public sealed class ContainerRegistry(StateDatabase database)
    : RecordRegistry<Container>(database, "containers", ContainerJson.Default.Container)
{
    /// <summary>Those of a sandbox, also those that lists do not show.</summary>
    public IReadOnlyList<Container> OfSandbox(string sandboxId) => [.. All().Where(c => c.SandboxId == sandboxId)];

    protected override bool IsVisible(Container record) => record.IsVisible;
}

[JsonSourceGenerationOptions(UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Container))]
internal sealed partial class ContainerJson : JsonSerializerContext;
