using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>Which ids a container's process has, from the request and the image.</summary>
internal static class UserResolver
{
    internal static ContainerUser Resolve(string rootfs, string imageUser, SecurityContext security)
    {
        if (security is { RunAsGroup: not null, RunAsUser: null, RunAsUsername: "" })
        {
            throw RuntimeException.InvalidArgument("run_as_group needs run_as_user or run_as_username");
        }

        var accounts = ImageAccounts.Read(rootfs);
        var (account, hasName) = FindAccount(accounts, imageUser, security);
        var gid = security.RunAsGroup is { } group ? StrictId.Check(group, "run_as_group") : account.Gid;
        return new(account.Uid, gid, [.. Groups(accounts, hasName ? account.Name : null, gid, security).Distinct()]);
    }

    private static (Account Account, bool HasName) FindAccount(ImageAccounts accounts, string imageUser, SecurityContext security)
    {
        if (security.RunAsUser is { } uid)
        {
            return FindUid(accounts, StrictId.Check(uid, "run_as_user"));
        }

        if (security.RunAsUsername.Length > 0)
        {
            return FindUser(accounts, security.RunAsUsername, "run_as_username");
        }

        var parts = imageUser.Split(':');
        if (parts.Length > 2)
        {
            throw RuntimeException.InvalidArgument($"the image's user \"{imageUser}\" is not of the form user or user:group");
        }

        var (account, hasName) = imageUser.Length == 0 ? FindUid(accounts, 0) : FindUser(accounts, parts[0], "the image's user");
        return parts.Length == 1 ? (account, hasName) : (account with { Gid = FindGroup(accounts, parts[1]) }, hasName);
    }

    // Digits are always an id, never a name: an image must not rename 0.
    private static (Account Account, bool HasName) FindUser(ImageAccounts accounts, string user, string what)
    {
        if (StrictId.LooksNumeric(user))
        {
            return FindUid(accounts, StrictId.Parse(user, what));
        }

        var account = user.Length > 0 && !user.AsSpan().ContainsAny(":\n\0") ? accounts.FindByName(user) : null;
        return account is null
            ? throw RuntimeException.InvalidArgument($"{what} \"{user}\" is not in the image's /etc/passwd; give a numeric id or repair the image")
            : (account, true);
    }

    private static (Account Account, bool HasName) FindUid(ImageAccounts accounts, uint uid) =>
        accounts.FindByUid(uid) is { } account ? (account, true) : (new Account("", uid, 0), false);

    private static uint FindGroup(ImageAccounts accounts, string group)
    {
        if (StrictId.LooksNumeric(group))
        {
            return StrictId.Parse(group, "the group of the image's user");
        }

        return (group.Length > 0 && !group.AsSpan().ContainsAny(":\n\0") ? accounts.FindGroup(group) : null)
            ?? throw RuntimeException.InvalidArgument($"the group \"{group}\" of the image's user is not in the image's /etc/group");
    }

    // The primary group is always among them: a process without it could pass access checks that deny the group.
    private static IEnumerable<uint> Groups(ImageAccounts accounts, string? name, uint gid, SecurityContext security)
    {
        var requested = security.SupplementalGroups.Select(static g => StrictId.Check(g, "the supplemental group"));
        return security.SupplementalGroupsPolicy switch
        {
            SupplementalGroupsPolicy.Merge when name is not null => [gid, .. accounts.GroupsOf(name), .. requested],
            SupplementalGroupsPolicy.Merge or SupplementalGroupsPolicy.Strict => [gid, .. requested],
            var policy => throw RuntimeException.InvalidArgument($"the supplemental groups policy {policy} is not known; use Merge or Strict"),
        };
    }
}
