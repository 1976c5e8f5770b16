using System.Text.Json;
using Berth.Linux;

namespace Berth.Plugins.Docker;

/// <summary>
/// A place that is the same in the Engine's log and in ours: from there on, the n-th line of the one is the n-th of the other.
/// </summary>
/// <param name="Inode">Our file; its name may change at any moment.</param>
/// <param name="Target">The place in our file.</param>
/// <param name="Source">The place in the Engine's.</param>
internal sealed record LogPosition(ulong Inode, long Target, long Source)
{
    public static LogPosition? Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<LogPosition>(File.ReadAllBytes(path), DockerJson.Settings);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    public void Save(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var next = path + ".new";
        File.WriteAllBytes(next, JsonSerializer.SerializeToUtf8Bytes(this, DockerJson.Settings));
        File.Move(next, path, overwrite: true);
    }

    /// <summary>Our file under its present name: the path itself, or a name that a rotation gave it in the same folder.</summary>
    public string? Find(string path)
    {
        if (FileStatus.Find(path, followLink: false)?.Inode == Inode)
        {
            return path;
        }

        var folder = Path.GetDirectoryName(path)!;
        return Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder).FirstOrDefault(f => FileStatus.Find(f, followLink: false) is { Kind: FileKind.Regular } status && status.Inode == Inode)
            : null;
    }
}
