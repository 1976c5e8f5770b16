using Berth.Containers;

namespace Berth.Cri.Mapping;

/// <summary>Seccomp and AppArmor profiles, also in the form of a single text that older clients send.</summary>
internal static class ProfileMapping
{
    /// <summary>The message; where it is missing, the older text.</summary>
    public static SecurityProfile? ToDomain(Protos.SecurityProfile? profile, string older, string field)
    {
        if (profile is null)
        {
            return FromText(older, field);
        }

        SecurityProfileType type = profile.ProfileType switch
        {
            Protos.SecurityProfile.Types.ProfileType.RuntimeDefault => SecurityProfileType.RuntimeDefault,
            Protos.SecurityProfile.Types.ProfileType.Unconfined => SecurityProfileType.Unconfined,
            Protos.SecurityProfile.Types.ProfileType.Localhost => SecurityProfileType.Localhost,
            _ => throw Field.Unknown($"{field}.profile_type", (int)profile.ProfileType),
        };
        return type == SecurityProfileType.Localhost != profile.LocalhostRef.Length > 0
            ? throw Field.Wrong($"{field}.localhost_ref", "goes with the profile type Localhost: give both or neither")
            : new(type, Field.Line(profile.LocalhostRef, $"{field}.localhost_ref"));
    }

    private static SecurityProfile? FromText(string text, string field)
    {
        const string Localhost = "localhost/";
        return text switch
        {
            "" => null,
            "unconfined" => new(SecurityProfileType.Unconfined, ""),
            "runtime/default" or "docker/default" => new(SecurityProfileType.RuntimeDefault, ""),
            _ when text.StartsWith(Localhost, StringComparison.Ordinal) && text.Length > Localhost.Length =>
                new(SecurityProfileType.Localhost, Field.Line(text[Localhost.Length..], field)),
            _ => throw Field.Wrong(field, $"is {Field.Show(text)}; known are runtime/default, unconfined and localhost/<profile>"),
        };
    }
}
