using Berth.Linux;

namespace Berth.Containers.Spec;

/// <summary>
/// Volumes that an image declares. One that exists in the image needs nothing: the container's own layer is writable. One that
/// does not is an empty folder of the container's, so there is no content to copy.
/// </summary>
internal static class ImageVolumes
{
    internal static IReadOnlyList<OciMount> Create(SpecInput input)
    {
        using var root = SafeFd.OpenDirectory(input.RootfsPath);
        return
        [
            .. input.Image.Volumes
                .Select(static volume => ContainerPath.Normalize(ContainerPath.NormalizeInRoot(volume), "a volume of the image"))
                .Distinct(StringComparer.Ordinal)
                .Where(volume => volume != "/" && !Exists(root, volume))
                .Select((volume, index) => new OciMount(
                    volume, "bind", Path.Combine(input.VolumesDirectory, $"{index}"), ["rbind", "rprivate", "rw"])),
        ];
    }

    private static bool Exists(SafeFd root, string path)
    {
        try
        {
            Beneath.OpenInRoot(root, path).Dispose();
            return true;
        }
        catch (LinuxException e) when (e.IsNotFound)
        {
            return false;
        }
    }
}
