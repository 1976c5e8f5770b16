using System.Globalization;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>
/// Writes a container's log exactly once, though its writer may be killed at any moment. The agent keeps output until it is
/// told the offset up to which it is written; the position beside the log says which bytes of which file those are.
/// <code>
///   agent: chunk at offset ─► append to the log ─► write the position ─► tell the agent
///   killed after the append: bytes beyond the recorded size are counted by their lines
///   killed after the position: the agent sends again from an older offset; what is known is dropped
/// </code>
/// </summary>
internal sealed class ContainerLog : IDisposable
{
    // Only what one chunk after another appended between two positions can be there: a chunk, in lines.
    private const int MaxTailBytes = 16 << 20;
    private readonly Lock _lock = new();
    private readonly string? _path;
    private readonly FileStream _position;
    private readonly TimeProvider _clock;
    private FileStream? _log;
    private LogPosition _at;

    private ContainerLog(string? path, FileStream position, TimeProvider clock) => (_path, _position, _clock) = (path, position, clock);

    /// <summary>Bytes of standard output that are in the log.</summary>
    public long Stdout => _at.Stdout;

    /// <summary>Bytes of standard error that are in the log.</summary>
    public long Stderr => _at.Stderr;

    /// <summary>Begins a container's log.</summary>
    /// <param name="path">The log; null drops output.</param>
    /// <param name="positionPath">Where the position is kept.</param>
    /// <param name="clock">For the lines.</param>
    public static ContainerLog Create(string? path, string positionPath, TimeProvider clock)
    {
        File.Delete(positionPath);
        return Open(path, positionPath, clock);
    }

    /// <summary>Goes on where an earlier process stopped.</summary>
    public static ContainerLog Open(string? path, string positionPath, TimeProvider clock)
    {
        try
        {
            var log = new ContainerLog(path, new(positionPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0), clock);
            try
            {
                log.Recover();
                log.OpenFile();
                return log;
            }
            catch
            {
                log.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw RuntimeException.Unavailable($"the log {path ?? positionPath} cannot be opened: {e.Message}", e);
        }
    }

    /// <summary>Appends what is new of a chunk.</summary>
    /// <param name="isStderr">Which stream.</param>
    /// <param name="offset">Where the chunk begins in the stream.</param>
    /// <param name="chunk">The bytes.</param>
    /// <returns>What of the chunk is new.</returns>
    public ReadOnlyMemory<byte> Append(bool isStderr, long offset, ReadOnlyMemory<byte> chunk)
    {
        lock (_lock)
        {
            var known = isStderr ? _at.Stderr : _at.Stdout;
            if (offset + chunk.Length <= known)
            {
                return default;
            }

            // A gap: the agent had no room any more. What is lost is lost, the rest is not.
            var fresh = offset < known ? chunk[(int)(known - offset)..] : chunk;
            Write(LogLines.Format(fresh.Span, isStderr, _clock.GetUtcNow()));
            var end = offset + chunk.Length;
            _at = isStderr ? _at with { Stderr = end } : _at with { Stdout = end };
            SavePosition();
            return fresh;
        }
    }

    /// <summary>Opens the log by its path again.</summary>
    public void Reopen()
    {
        lock (_lock)
        {
            OpenFile();
        }
    }

    public void Dispose()
    {
        _log?.Dispose();
        _position.Dispose();
    }

    // A full disk may have taken a part, which would be there twice when the whole is written.
    private void Write(ReadOnlySpan<byte> lines)
    {
        try
        {
            _log?.Write(lines);
        }
        catch (IOException)
        {
            _log!.SetLength(_at.Size);
            throw;
        }
    }

    private void OpenFile()
    {
        if (_path is null)
        {
            return;
        }

        var fresh = new FileStream(_path, new FileStreamOptions
        {
            Mode = FileMode.Append,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead,
        });
        _log?.Dispose();
        _log = fresh;
        SavePosition();
    }

    private void SavePosition()
    {
        if (_log is not null && _path is not null)
        {
            _at = _at with { Inode = Inode(_log), Size = RandomAccess.GetLength(_log.SafeFileHandle) };
        }

        Span<byte> record = stackalloc byte[LogPosition.Bytes];
        _at.Write(record);
        RandomAccess.Write(_position.SafeFileHandle, record, 0);
    }

    private void Recover()
    {
        Span<byte> record = stackalloc byte[LogPosition.Bytes];
        var read = RandomAccess.Read(_position.SafeFileHandle, record, 0);
        if (LogPosition.Read(record[..read]) is not { } at)
        {
            return;
        }

        _at = at;
        if (FindFile(at.Inode) is not { } path)
        {
            return;
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        var tail = new byte[Math.Clamp(file.Length - at.Size, 0, MaxTailBytes)];
        file.Seek(at.Size, SeekOrigin.Begin);
        file.ReadExactly(tail);
        var (stdout, stderr, whole) = LogLines.Count(tail);
        if (whole < tail.Length)
        {
            file.SetLength(at.Size + whole);
        }

        _at = at with { Size = at.Size + whole, Stdout = at.Stdout + stdout, Stderr = at.Stderr + stderr };
    }

    // The kubelet renames a log, within its folder, before it asks for a new one.
    private string? FindFile(ulong inode)
    {
        var folder = Path.GetDirectoryName(_path);
        if (folder is null || !Directory.Exists(folder))
        {
            return null;
        }

        return ((IEnumerable<string>)[_path!, .. Directory.EnumerateFiles(folder, Path.GetFileName(_path) + "*")])
            .FirstOrDefault(p => FileStatus.Find(p, followLink: false) is { Kind: FileKind.Regular } status && status.Inode == inode);
    }

    // By the descriptor: the path may name another file by now.
    private static ulong Inode(FileStream file) =>
        FileStatus.Find(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{file.SafeFileHandle.DangerousGetHandle()}"))!.Value.Inode;
}
