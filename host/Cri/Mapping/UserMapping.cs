using Berth.Containers;
using Google.Protobuf.Collections;

namespace Berth.Cri.Mapping;

/// <summary>Users and groups, in the same fields of the security contexts of pods and containers.</summary>
internal static class UserMapping
{
    private const int MaxGroups = 65536; // NGROUPS_MAX of limits.h

    public static long? Id(Protos.Int64Value? id, string field) => id is null ? null : IdWithin(id.Value, field);

    public static IReadOnlyList<long> Groups(RepeatedField<long> groups, string field) =>
        [.. Field.Bounded(groups, MaxGroups, field).Select(group => IdWithin(group, field))];

    public static SupplementalGroupsPolicy Policy(Protos.SupplementalGroupsPolicy policy, string field) => policy switch
    {
        Protos.SupplementalGroupsPolicy.Merge => SupplementalGroupsPolicy.Merge,
        Protos.SupplementalGroupsPolicy.Strict => SupplementalGroupsPolicy.Strict,
        _ => throw Field.Unknown(field, (int)policy),
    };

    // 2^32 - 1 is -1 to the kernel, which means "leave as it is": setresuid(2).
    private static long IdWithin(long id, string field) => Field.Within(id, 0, uint.MaxValue - 1, field);
}
