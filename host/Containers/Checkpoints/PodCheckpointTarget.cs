using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Containers.Checkpoints;

/// <summary>The folder of a pod's checkpoint, whose files get their names all at the end.</summary>
internal sealed class PodCheckpointTarget : IDisposable
{
    private readonly List<(string Name, UnnamedFile File)> _files = [];
    private bool _isOurs;
    private bool _isDone;

    private PodCheckpointTarget(string folder, bool isOurs) => (Folder, _isOurs) = (folder, isOurs);

    public string Folder { get; }

    /// <summary>What is about to be named.</summary>
    public NamedFiles Names => new(Folder, _isOurs, _files.ToDictionary(static f => f.Name, static f => f.File.Inode));

    public static PodCheckpointTarget Create(string path)
    {
        var folder = path.TrimEnd('/');
        var status = FileStatus.Find(folder, followLink: false);
        if (status is { Kind: not FileKind.Folder } || (status is not null && Directory.EnumerateFileSystemEntries(folder).Any()))
        {
            throw new RuntimeException(
                RuntimeErrorCode.AlreadyExists, $"the checkpoint cannot be written to {path}: it is {(status.Value.Kind == FileKind.Folder ? "not empty" : "no folder")}; a checkpoint replaces nothing");
        }

        if (status is null && !Directory.Exists(Path.GetDirectoryName(folder)))
        {
            throw RuntimeException.FailedPrecondition($"the checkpoint cannot be written to {path}: {Path.GetDirectoryName(folder)} is no folder; make it first");
        }

        if (status is null)
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return new(folder, isOurs: status is null);
    }

    /// <summary>A file more.</summary>
    public UnnamedFile Add(string name)
    {
        var file = CheckpointTarget.Create(Path.Combine(Folder, name));
        _files.Add((name, file));
        return file;
    }

    public void Write(string name, byte[] content)
    {
        using var stream = Add(name).Open();
        stream.Write(content);
    }

    /// <summary>Names all, or none.</summary>
    public void NameAll()
    {
        var named = new List<(string Name, UnnamedFile File)>();
        try
        {
            foreach (var file in _files)
            {
                CheckpointTarget.Name(file.File, Path.Combine(Folder, file.Name));
                named.Add(file);
            }

            _isDone = true;
        }
        finally
        {
            if (!_isDone)
            {
                named.ForEach(static f => f.File.Unname(f.Name));
            }
        }
    }

    public void Dispose()
    {
        _files.ForEach(static f => f.File.Dispose());
        if (!_isDone && _isOurs && Directory.Exists(Folder) && !Directory.EnumerateFileSystemEntries(Folder).Any())
        {
            Directory.Delete(Folder);
            _isOurs = false;
        }
    }
}
