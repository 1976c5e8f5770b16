using Berth.Linux;

namespace Berth.Images.Layers;

/// <summary>Copies owner, attributes, mode and time from one file or folder to another.</summary>
internal static class FileMetadata
{
    public static void Copy(SafeFd fromFolder, ReadOnlySpan<byte> fromName, SafeFd toFolder, ReadOnlySpan<byte> toName)
    {
        if (FilesAt.Status(fromFolder, fromName) is not { } status)
        {
            return;
        }

        FilesAt.SetOwner(toFolder, toName, status.Uid, status.Gid);
        FilesAt.SetMode(toFolder, toName, status.Mode);
        foreach (var key in ExtendedAttributes.List(fromFolder, fromName))
        {
            if (LayerAttributes.IsTaken(key) && ExtendedAttributes.Get(fromFolder, fromName, key) is { } value)
            {
                ExtendedAttributes.TrySet(toFolder, toName, key, value);
            }
        }

        FilesAt.SetTimes(toFolder, toName, status.Modified);
    }
}
