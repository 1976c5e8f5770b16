namespace Berth.Images.Layers;

/// <summary>Which extended attributes of an image are its own to set.</summary>
internal static class LayerAttributes
{
    /// <summary>
    /// Not those that overlayfs steers by, nor labels of the host's policy; unknown classes are the kernel's to refuse.
    /// </summary>
    public static bool IsTaken(ReadOnlySpan<byte> key) =>
        !key.IsEmpty && key.Length <= 255 && !key.Contains((byte)0)
        && !key.StartsWith("trusted."u8) && !key.StartsWith("user.overlay."u8) && !key.SequenceEqual("security.selinux"u8);
}
