namespace Berth.Network;

/// <summary>A file of the configuration folder, with what tells that it was changed.</summary>
internal sealed record CniConfigFile(string Path, string Target, DateTime ModifiedAt, long Length)
{
    private static readonly string[] Extensions = [".conflist", ".conf", ".json"];

    /// <summary>In the order of names; a folder that does not exist is empty.</summary>
    public static IReadOnlyList<CniConfigFile> List(string folder) =>
        !Directory.Exists(folder)
            ? []
            : [.. new DirectoryInfo(folder).EnumerateFiles()
                .Where(static f => Extensions.Contains(f.Extension, StringComparer.Ordinal))
                .OrderBy(static f => f.Name, StringComparer.Ordinal)
                .Select(Look)];

    public string Read() =>
        Length > CniNetworkList.MaxBytes
            ? throw new FormatException($"it is larger than {CniNetworkList.MaxBytes} bytes")
            : File.ReadAllText(Path);

    // Mounted ConfigMaps are links that are swapped, so it is the target that changes.
    private static CniConfigFile Look(FileInfo file)
    {
        var target = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
        return target.Exists
            ? new(file.FullName, target.FullName, target.LastWriteTimeUtc, target.Length)
            : new(file.FullName, target.FullName, default, 0);
    }
}
