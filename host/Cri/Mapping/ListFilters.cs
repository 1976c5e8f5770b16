using Berth.Containers;
using Berth.Sandboxes;
using Google.Protobuf.Collections;

namespace Berth.Cri.Mapping;

/// <summary>Filters of lists: all that is given must hold. An id may be shortened to its beginning.</summary>
internal static class ListFilters
{
    /// <summary>The filter, if its state is one that this version knows, and its labels some that an object can have.</summary>
    public static Protos.PodSandboxFilter? Checked(Protos.PodSandboxFilter? filter)
    {
        CheckSelector(filter?.LabelSelector);
        return filter?.State is null || Enum.IsDefined(filter.State.State) ? filter : throw Field.Unknown("filter.state.state", (int)filter.State.State);
    }

    /// <summary>The filter, if its state is one that this version knows, and its labels some that an object can have.</summary>
    public static Protos.ContainerFilter? Checked(Protos.ContainerFilter? filter)
    {
        CheckSelector(filter?.LabelSelector);
        return filter?.State is null || Enum.IsDefined(filter.State.State) ? filter : throw Field.Unknown("filter.state.state", (int)filter.State.State);
    }

    /// <summary>The filter, if its labels are some that an object can have.</summary>
    public static Protos.PodSandboxStatsFilter? Checked(Protos.PodSandboxStatsFilter? filter)
    {
        CheckSelector(filter?.LabelSelector);
        return filter;
    }

    /// <summary>The filter, if its labels are some that an object can have.</summary>
    public static Protos.ContainerStatsFilter? Checked(Protos.ContainerStatsFilter? filter)
    {
        CheckSelector(filter?.LabelSelector);
        return filter;
    }

    public static bool Matches(Sandbox sandbox, Protos.PodSandboxFilter? filter) =>
        filter is null
        || (HasId(sandbox.Id, filter.Id)
            && (filter.State is null || filter.State.State == SandboxMapping.State(sandbox))
            && HasLabels(sandbox.Spec.Labels, filter.LabelSelector));

    public static bool Matches(Sandbox sandbox, Protos.PodSandboxStatsFilter? filter) =>
        filter is null || (HasId(sandbox.Id, filter.Id) && HasLabels(sandbox.Spec.Labels, filter.LabelSelector));

    public static bool Matches(Container container, Protos.ContainerFilter? filter) =>
        filter is null
        || (HasId(container.Id, filter.Id)
            && HasId(container.SandboxId, filter.PodSandboxId)
            && (filter.State is null || filter.State.State == ContainerMapping.State(container))
            && HasLabels(container.Spec.Labels, filter.LabelSelector));

    public static bool Matches(Container container, Protos.ContainerStatsFilter? filter) =>
        filter is null
        || (HasId(container.Id, filter.Id)
            && HasId(container.SandboxId, filter.PodSandboxId)
            && HasLabels(container.Spec.Labels, filter.LabelSelector));

    // What no label can be would find nothing, and nobody would see why.
    private static void CheckSelector(MapField<string, string>? selector) => _ = selector is null ? null : Tags.Labels(selector, "filter.label_selector");

    private static bool HasId(string id, string wanted) => id.StartsWith(wanted, StringComparison.Ordinal);

    private static bool HasLabels(IReadOnlyDictionary<string, string> labels, MapField<string, string> wanted) =>
        wanted.All(entry => labels.TryGetValue(entry.Key, out var value) && value == entry.Value);
}
