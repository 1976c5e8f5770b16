using Berth.Abstractions;
using Berth.Images.Layers;
using Berth.Linux;

namespace Berth.Containers.Checkpoints;

/// <summary>A checkpoint that somebody brings: anything may be in it.</summary>
internal interface ICheckpointSource : IAsyncDisposable
{
    /// <summary>A small file at its top, or null if it has none.</summary>
    Task<byte[]?> ReadAsync(string name);

    /// <summary>Writes what a restore needs into an empty folder.</summary>
    Task UnpackAsync(string folder, CancellationToken cancellationToken);
}

/// <summary>What is taken of a checkpoint, and how much of it.</summary>
internal sealed class CheckpointParts(string folder, string source) : IDisposable
{
    public const int LongestSmallFile = 4 << 20;
    private const int MostFiles = 100_000;

    /// <summary>The files at its top that are taken.</summary>
    public static readonly IReadOnlyList<string> Wanted = [CheckpointNames.Config, CheckpointNames.Spec, CheckpointNames.RootfsDiff, CheckpointNames.DeletedFiles];

    private readonly SafeFd _top = SafeFd.OpenDirectory(folder);
    private readonly SafeFd _processes = MakeProcesses(folder);
    private readonly SpaceGuard _guard = new(folder);
    private int _files;

    /// <summary>Whether a path is of what is taken; all else is left where it is.</summary>
    public static bool IsWanted(string path) =>
        Wanted.Contains(path) || (path.StartsWith(CheckpointNames.Processes + "/", StringComparison.Ordinal) && IsPlain(path[(CheckpointNames.Processes.Length + 1)..]));

    /// <summary>A small file as a whole.</summary>
    /// <exception cref="InvalidDataException">It is not small, or somebody writes it.</exception>
    public static byte[] ReadSmall(SafeFd file, string name)
    {
        var content = new byte[FileStatus.Of(file).SizeBytes is <= LongestSmallFile and var size ? size : throw new InvalidDataException($"has a {name} of more than {LongestSmallFile} bytes")];
        for (var at = 0; at < content.Length;)
        {
            at += file.Read(content.AsSpan(at)) is > 0 and var count ? count : throw new InvalidDataException($"has a {name} that changes");
        }

        return content;
    }

    /// <summary>Creates a file of it.</summary>
    public SafeFd Create(string path, long size)
    {
        if (++_files > MostFiles || (Wanted.Contains(path) && path != CheckpointNames.RootfsDiff && size > LongestSmallFile))
        {
            throw new InvalidDataException($"has more than {MostFiles} files, or a {path} of more than {LongestSmallFile} bytes");
        }

        _guard.ChargeEntry();
        var name = System.Text.Encoding.UTF8.GetBytes(Path.GetFileName(path));
        try
        {
            return FilesAt.CreateFile(Wanted.Contains(path) ? _top : _processes, name);
        }
        catch (LinuxException e) when (e.IsExisting)
        {
            throw new InvalidDataException($"has {path} twice");
        }
    }

    public void Charge(int bytes) => _guard.ChargeBytes(bytes);

    /// <summary>To be called at the end: whether it is a checkpoint at all.</summary>
    public void Complete()
    {
        if (FilesAt.Status(_processes, System.Text.Encoding.UTF8.GetBytes(CheckpointNames.Inventory)) is null || FilesAt.Status(_top, System.Text.Encoding.UTF8.GetBytes(CheckpointNames.Spec)) is null)
        {
            throw new InvalidDataException($"lacks {CheckpointNames.Spec} or {CheckpointNames.Processes}/{CheckpointNames.Inventory}: it is no checkpoint of a container, or not whole");
        }
    }

    public RuntimeException Refuse(Exception e) => RuntimeException.InvalidArgument($"the checkpoint {source} {e.Message}");

    public void Dispose()
    {
        _top.Dispose();
        _processes.Dispose();
    }

    private static SafeFd MakeProcesses(string folder)
    {
        var path = Path.Combine(folder, CheckpointNames.Processes);
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return SafeFd.OpenDirectory(path);
    }

    // CRIU's own names: letters, digits and these.
    private static bool IsPlain(string name) => name.Length is > 0 and < 200 && name[0] != '.' && name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');
}
