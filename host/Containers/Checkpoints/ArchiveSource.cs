using System.Text;
using Berth.Images.Layers;
using Berth.Linux;
using Microsoft.Win32.SafeHandles;

namespace Berth.Containers.Checkpoints;

/// <summary>A checkpoint in a tar that is not compressed, as kubelets have them written.</summary>
internal sealed class ArchiveSource(SafeFd file, string path) : ICheckpointSource
{
    private const int BlockBytes = 256 * 1024;

    public async Task<byte[]?> ReadAsync(string name)
    {
        byte[]? found = null;
        await ReadEntriesAsync(
            async (entry, entryPath, tar) =>
            {
                if (entryPath != name)
                {
                    return true;
                }

                Demand(entry, entryPath);
                found = new byte[entry.FileLength <= CheckpointParts.LongestSmallFile ? entry.FileLength : throw new InvalidDataException($"has a {name} of {entry.FileLength} bytes")];
                for (var at = 0; at < found.Length;)
                {
                    at += await tar.ReadAsync(found.AsMemory(at), CancellationToken.None) is > 0 and var count ? count : throw new InvalidDataException("ends in the middle");
                }

                return false;
            },
            CancellationToken.None);
        return found;
    }

    public async Task UnpackAsync(string folder, CancellationToken cancellationToken)
    {
        using var parts = new CheckpointParts(folder, path);
        var buffer = new byte[BlockBytes];
        await ReadEntriesAsync(
            async (entry, entryPath, tar) =>
            {
                if (!CheckpointParts.IsWanted(entryPath))
                {
                    return true;
                }

                Demand(entry, entryPath);
                using var target = parts.Create(entryPath, entry.FileLength);
                while (await tar.ReadAsync(buffer, cancellationToken) is > 0 and var count)
                {
                    target.Write(buffer.AsSpan(0, count));
                    parts.Charge(count);
                }

                return true;
            },
            cancellationToken);
        try
        {
            parts.Complete();
        }
        catch (InvalidDataException e)
        {
            throw parts.Refuse(e);
        }
    }

    public ValueTask DisposeAsync()
    {
        file.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task ReadEntriesAsync(Func<TarEntry, string, TarReader, Task<bool>> body, CancellationToken cancellationToken)
    {
        FileContent.Seek(file, 0);
        await using var stream = new FileStream(new SafeFileHandle(file.Number, ownsHandle: false), FileAccess.Read, BlockBytes);
        try
        {
            var tar = new TarReader(stream);
            while (await tar.NextAsync(cancellationToken) is { } entry)
            {
                if (!await body(entry, Encoding.UTF8.GetString(EntryPath.Parse(entry.Name).Bytes), tar))
                {
                    return;
                }
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw Abstractions.RuntimeException.InvalidArgument($"the checkpoint {path} {e.Message}");
        }
    }

    // A link could show what is elsewhere on the node as a part of the checkpoint.
    private static void Demand(TarEntry entry, string entryPath)
    {
        if (entry is not { Type: TarEntryType.File, DataRuns: null })
        {
            throw new InvalidDataException($"has {entryPath} as something else than a plain file");
        }
    }
}
