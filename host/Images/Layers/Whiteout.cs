namespace Berth.Images.Layers;

/// <summary>What a name says about lower layers (OCI image specification, layer.md, "Whiteouts").</summary>
internal enum WhiteoutKind
{
    /// <summary>An ordinary entry.</summary>
    None,

    /// <summary>Hides one name of the folder that it is in.</summary>
    Name,

    /// <summary>Hides all that lower layers have in the folder.</summary>
    Opaque,

    /// <summary>Bookkeeping of aufs, which means nothing outside it.</summary>
    Ignored,
}

internal static class Whiteout
{
    /// <summary>overlayfs's mark for <see cref="WhiteoutKind.Opaque"/>; see the kernel's filesystems/overlayfs.rst.</summary>
    public static ReadOnlySpan<byte> OpaqueAttribute => "trusted.overlay.opaque"u8;

    private static ReadOnlySpan<byte> Prefix => ".wh."u8;

    private static ReadOnlySpan<byte> MetaPrefix => ".wh..wh."u8;

    public static WhiteoutKind Classify(EntryPath path)
    {
        var name = path.FileName;
        if (name.SequenceEqual(".wh..wh..opq"u8))
        {
            RefuseParts(path.Parent);
            return WhiteoutKind.Opaque;
        }

        if (path.Bytes.AsSpan().StartsWith(MetaPrefix))
        {
            return WhiteoutKind.Ignored;
        }

        RefuseParts(path.Parent);
        return name.StartsWith(Prefix) ? WhiteoutKind.Name : WhiteoutKind.None;
    }

    /// <summary>The name that is hidden.</summary>
    public static ReadOnlySpan<byte> Hidden(EntryPath path)
    {
        var hidden = path.FileName[Prefix.Length..];
        return hidden.IsEmpty || hidden.SequenceEqual("."u8) || hidden.SequenceEqual(".."u8) || hidden.StartsWith(Prefix)
            ? throw new InvalidDataException("the whiteout hides no name that can be")
            : hidden;
    }

    // Nothing can lie within a whiteout.
    private static void RefuseParts(EntryPath folder)
    {
        for (var path = folder; !path.IsRoot; path = path.Parent)
        {
            if (path.FileName.StartsWith(Prefix))
            {
                throw new InvalidDataException("the entry lies within a whiteout");
            }
        }
    }
}
