using System.Buffers;
using Berth.Abstractions;
using Berth.Linux;
using Microsoft.Win32.SafeHandles;

namespace Berth.Plugins.Docker;

/// <summary>
/// Copies a container's output from the Engine's json-file log, which goes on without the gateway, to the CRI log. Each line of
/// the one becomes one line of the other, so after a kill at any moment the lines in our file tell where to go on: none is lost,
/// none is there twice. What was copied long ago is punched out of the Engine's file (its length and its offsets stay), because a
/// rotation by the Engine could drop what was not copied yet.
/// </summary>
internal sealed class LogCopy(string containerId, string source, string target, string positionPath, HandlerTools tools) : IDisposable
{
    private const int FirstBuffer = 128 * 1024, LargestRecord = 2 << 20;
    private const long SaveEvery = 16 << 20;
    private const int PunchUnit = 4096;

    // A full disk does not hold up an exit for ever.
    private const int MostFailures = 20;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly ArrayBufferWriter<byte> _lines = new();
    private byte[] _buffer = new byte[FirstBuffer];
    private SafeFileHandle? _source;
    private SafeFileHandle? _target;
    private FileChanges.Watched? _changes;
    private LogPosition _saved = new(0, 0, 0);
    private long _read;
    private long _written;
    private volatile bool _complete;

    /// <summary>Makes the CRI log and notes where its first line will be; before the container exists.</summary>
    public static void Begin(string target, string positionPath)
    {
        using var file = File.OpenHandle(target, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
        new LogPosition(FileStatus.Find(target)!.Value.Inode, RandomAccess.GetLength(file), 0).Save(positionPath);
    }

    /// <summary>Copies until the source has ended and all of it is copied.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var failures = 0;
        while (true)
        {
            try
            {
                await CopyAsync(cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                if (failures++ == 0)
                {
                    tools.Log.Write(PluginLogLevel.Warning, $"container {containerId}: its output is not written to {target} for now: {e.Message}");
                }

                if (_complete && failures > MostFailures)
                {
                    tools.Log.Write(PluginLogLevel.Error, $"container {containerId} has ended; the rest of its output stays in {source}: {e.Message}");
                    return;
                }

                Close();
                await Task.Delay(Pause, tools.Clock, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>The source gets no more lines.</summary>
    public void Complete()
    {
        _complete = true;
        _changes?.Wake();
    }

    /// <summary>Opens the CRI log by its path again. Lines read so far are in the old file, all others go to the new one.</summary>
    public async Task ReopenAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_target is not null && FileStatus.Find(target)?.Inode != _saved.Inode)
            {
                OpenTarget();
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw RuntimeException.FailedPrecondition($"container {containerId}: log {target} cannot be opened: {e.Message}");
        }
        finally
        {
            _gate.Release();
        }
    }

    // The gate stays usable: a late call to open the log again then finds nothing to do.
    public void Dispose() => Close();

    private async Task CopyAsync(CancellationToken cancellationToken)
    {
        await LockedAsync(Open, cancellationToken).ConfigureAwait(false);
        while (true)
        {
            // Looked at before the read, so that what came before the end is read.
            var complete = _complete;
            if (await LockedAsync(CopyBatch, cancellationToken).ConfigureAwait(false))
            {
                continue;
            }

            if (complete)
            {
                return;
            }

            await _changes!.ChangedAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<bool> LockedAsync(Func<bool> step, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return step();
        }
        finally
        {
            _gate.Release();
        }
    }

    private bool Open()
    {
        if (_source is not null)
        {
            return true;
        }

        _changes = FileChanges.Shared.Watch(source);
        _source = File.OpenHandle(source, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        var position = LogPosition.Read(positionPath) ?? new(0, 0, 0);
        _read = position.Source;
        if (position.Find(target) is { } file)
        {
            _read = LogResume.SkipLines(_source, position.Source, LogResume.CutAndCount(file, position.Target));
        }

        OpenTarget();
        return true;
    }

    private void OpenTarget()
    {
        var opened = File.OpenHandle(target, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
        _target?.Dispose();
        _target = opened;
        _written = RandomAccess.GetLength(opened);
        Save(FileStatus.Find(target)!.Value.Inode);
    }

    private bool CopyBatch()
    {
        var count = RandomAccess.Read(_source!, _buffer, _read);
        var batch = _buffer.AsSpan(0, count);
        var end = batch.LastIndexOf((byte)'\n') + 1;
        if (end == 0)
        {
            return count == _buffer.Length && Grow();
        }

        _lines.ResetWrittenCount();
        for (var rest = batch[..end]; !rest.IsEmpty;)
        {
            var length = rest.IndexOf((byte)'\n');
            LogRecord.Write(rest[..length], _lines);
            rest = rest[(length + 1)..];
        }

        RandomAccess.Write(_target!, _lines.WrittenSpan, _written);
        _written += _lines.WrittenCount;
        _read += end;
        if (_read - _saved.Source >= SaveEvery)
        {
            Save(_saved.Inode);
            using var held = SafeFd.Duplicate((int)_source!.DangerousGetHandle());
            FileContent.TryPunchHole(held, 0, _read / PunchUnit * PunchUnit);
        }

        return true;
    }

    // The Engine cuts lines at 16 KiB, which is at most six times as long in JSON.
    private bool Grow()
    {
        if (_buffer.Length >= LargestRecord)
        {
            throw new IOException($"{source} has a record of more than {LargestRecord} bytes");
        }

        Array.Resize(ref _buffer, _buffer.Length * 2);
        return true;
    }

    private void Save(ulong inode)
    {
        _saved = new(inode, _written, _read);
        _saved.Save(positionPath);
    }

    private void Close()
    {
        _changes?.Dispose();
        _source?.Dispose();
        _target?.Dispose();
        (_changes, _source, _target) = (null, null, null);
    }
}
