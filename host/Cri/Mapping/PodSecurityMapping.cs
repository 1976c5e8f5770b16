namespace Berth.Cri.Mapping;

/// <summary>
/// What a pod's security context says of a process of the pod's own: its user, groups, labels, AppArmor profile and root file system.
/// There is no such process here (the init of a shared PID namespace has no rights, and a user of its own), so nothing of it is kept;
/// what is no user, group or profile is refused all the same, as the containers would get it too.
/// </summary>
internal static class PodSecurityMapping
{
    public static void Check(Protos.LinuxSandboxSecurityContext security, string field)
    {
        _ = UserMapping.Id(security.RunAsUser, $"{field}.run_as_user");
        _ = UserMapping.Id(security.RunAsGroup, $"{field}.run_as_group");
        if (security.RunAsGroup is not null && security.RunAsUser is null)
        {
            throw Field.Wrong($"{field}.run_as_group", "is given without run_as_user: give it too");
        }

        _ = UserMapping.Groups(security.SupplementalGroups, $"{field}.supplemental_groups");
        _ = UserMapping.Policy(security.SupplementalGroupsPolicy, $"{field}.supplemental_groups_policy");
        _ = SelinuxMapping.ToDomain(security.SelinuxOptions, $"{field}.selinux_options");
        _ = ProfileMapping.ToDomain(security.Apparmor, "", $"{field}.apparmor");
    }
}
