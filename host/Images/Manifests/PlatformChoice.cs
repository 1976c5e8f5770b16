using System.Runtime.InteropServices;
using Berth.Abstractions;

namespace Berth.Images.Manifests;

/// <summary>Picks the image of an index that this machine runs.</summary>
internal static class PlatformChoice
{
    /// <summary>This machine, best variant first; an image that names no variant runs everywhere.</summary>
    private static readonly (string Architecture, string[] Variants) Machine = RuntimeInformation.OSArchitecture switch
    {
        Architecture.X64 => ("amd64", ["", "v1"]),
        Architecture.Arm64 => ("arm64", ["v8", ""]),
        Architecture.Arm => ("arm", ["v7", "v6", "v5", ""]),
        Architecture.X86 => ("386", [""]),
        Architecture.S390x => ("s390x", [""]),
        Architecture.Ppc64le => ("ppc64le", [""]),
        Architecture.RiscV64 => ("riscv64", [""]),
        Architecture.LoongArch64 => ("loong64", [""]),
        var other => (other.ToString().ToLowerInvariant(), [""]),
    };

    /// <exception cref="RuntimeException">None fits: NotFound, with those that there are.</exception>
    public static ManifestIndexEntry Choose(ManifestIndex index, string image)
    {
        foreach (var variant in Machine.Variants)
        {
            if (index.Entries.FirstOrDefault(e => e.Platform is { Os: "linux" } p && p.Architecture == Machine.Architecture && p.Variant == variant) is { } found)
            {
                return found;
            }
        }

        // An index of one image need not name a platform; nor does one that only leads to another index.
        if (index.Entries is [{ Platform: null } only])
        {
            return only;
        }

        var known = index.Entries.Select(static e => e.Platform).OfType<Platform>().Where(static p => p.Os != "unknown").Distinct().Take(20);
        throw RuntimeException.NotFound($"image {image} has nothing for linux/{Machine.Architecture}; it has {string.Join(", ", known)}");
    }
}
