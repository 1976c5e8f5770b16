using System.Globalization;

namespace Berth.Images;

/// <summary>Where the image store keeps what, beneath the gateway's root. Only root may look into any of it.</summary>
public sealed record ImageFolders
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Makes the folders where they are missing.</summary>
    public ImageFolders(string root)
    {
        Root = root;
        foreach (var folder in (string[])[root, Layers, Blocks, Views, Containers, Trash, Ingest, .. Empty])
        {
            Directory.CreateDirectory(folder, OwnerOnly);
        }
    }

    public string Root { get; }

    /// <summary>A folder per layer, by its number.</summary>
    public string Layers => Path.Combine(Root, "layers");

    /// <summary>A file per image that a handler took as a block device.</summary>
    public string Blocks => Path.Combine(Root, "blocks");

    /// <summary>Mount points for the time in which something is made of an image.</summary>
    public string Views => Path.Combine(Root, "views");

    /// <summary>A folder per container, with its writable layer.</summary>
    public string Containers => Path.Combine(Root, "containers");

    /// <summary>What is to be deleted.</summary>
    public string Trash => Path.Combine(Root, "trash");

    /// <summary>Files of an import that runs.</summary>
    public string Ingest => Path.Combine(Root, "ingest");

    /// <summary>Two empty folders, for what overlayfs wants and an image lacks: it takes no folder twice.</summary>
    public IReadOnlyList<string> Empty => [Path.Combine(Root, "empty", "1"), Path.Combine(Root, "empty", "2")];

    /// <summary>All of a layer.</summary>
    public string Layer(long id) => Path.Combine(Layers, id.ToString(CultureInfo.InvariantCulture));

    /// <summary>A layer's files. The path is short, since all of an image's go into one page of mount options.</summary>
    public string LayerFiles(long id) => Path.Combine(Layer(id), "fs");
}
