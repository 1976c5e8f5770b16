using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Images.Layers;

/// <summary>A layer that is in its folder; what it needs from the layers below is still to be done.</summary>
internal sealed record UnpackedLayer(
    long SizeBytes, long Inodes, bool HasRootEntry, IReadOnlyList<EntryPath> ImpliedFolders, IReadOnlyList<MissingLink> MissingLinks, string? RefusedAttribute);

/// <summary>
/// Brings one layer from its source into its folder as one stream: fetch, hash, decompress on one side of a pipe; hash and
/// write files on the other. Nothing is written but the files themselves.
/// </summary>
internal static class LayerUnpacker
{
    private const int BlockBytes = 128 * 1024;

    private static readonly PipeOptions PipeOptions = new(
        pauseWriterThreshold: 8 * BlockBytes, resumeWriterThreshold: 4 * BlockBytes, minimumSegmentSize: BlockBytes, useSynchronizationContext: false);

    /// <summary>Unpacks into an existing, empty folder. After a failure the folder holds rubbish.</summary>
    /// <exception cref="RuntimeException">DataLoss: the bytes are not what their digest says; InvalidArgument: the layer is malformed or hostile.</exception>
    public static async Task<UnpackedLayer> UnpackAsync(LayerBlob blob, IBlobSource blobs, string folder, CancellationToken cancellationToken)
    {
        await using var source = new DigestStream(
            await blobs.OpenBlobAsync(blob, cancellationToken), blob.Digest?.Algorithm ?? HashAlgorithmName.SHA256);
        var pipe = new Pipe(PipeOptions);
        var decoding = DecodeAsync(source, pipe.Writer, cancellationToken);
        var writing = WriteAsync(blob, pipe.Reader, folder, cancellationToken);
        try
        {
            await Task.WhenAll(decoding, writing);
        }
        catch (InvalidDataException)
        {
            // If the bytes are not what the digest says, that is the reason, and not what they unpack to.
            await VerifyAsync(blob, source, cancellationToken);
            throw Malformed(blob, writing.Exception?.InnerException ?? decoding.Exception?.InnerException);
        }

        await VerifyAsync(blob, source, cancellationToken);
        return await writing;
    }

    private static async Task DecodeAsync(DigestStream source, PipeWriter output, CancellationToken cancellationToken)
    {
        Exception? failure = null;
        try
        {
            await using var plain = await LayerCompression.OpenAsync(source, cancellationToken);
            while (await plain.ReadAsync(output.GetMemory(BlockBytes), cancellationToken) is > 0 and var count)
            {
                output.Advance(count);
                if ((await output.FlushAsync(cancellationToken)).IsCompleted)
                {
                    return; // the writing side failed and says why
                }
            }
        }
        catch (ZstdSharp.ZstdException e)
        {
            failure = new InvalidDataException($"the compressed data is malformed: {e.Message}", e);
            throw failure;
        }
        catch (Exception e)
        {
            failure = e;
            throw;
        }
        finally
        {
            await output.CompleteAsync(failure);
        }
    }

    private static async Task<UnpackedLayer> WriteAsync(LayerBlob blob, PipeReader input, string folder, CancellationToken cancellationToken)
    {
        try
        {
            await using var plain = new DigestStream(input.AsStream(leaveOpen: true), blob.DiffId.Algorithm);
            using var writer = new LayerWriter(folder);
            await WriteEntriesAsync(new TarReader(plain), writer, new SpaceGuard(folder), cancellationToken);
            writer.CompleteFolders();
            var diffId = await plain.FinishAsync(cancellationToken);
            return diffId == blob.DiffId
                ? new(writer.SizeBytes, writer.Inodes, writer.HasRootEntry, writer.ImpliedFolders, writer.MissingLinks, writer.RefusedAttribute)
                : throw new InvalidDataException($"it unpacks to {diffId}, but the image's configuration says {blob.DiffId}");
        }
        finally
        {
            await input.CompleteAsync();
        }
    }

    /// <summary>Writes the entries of an archive; hostile ones are refused (InvalidDataException).</summary>
    public static async Task WriteEntriesAsync(TarReader tar, LayerWriter writer, SpaceGuard guard, CancellationToken cancellationToken)
    {
        guard.Check();
        var buffer = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            while (await tar.NextAsync(cancellationToken) is { } entry)
            {
                guard.ChargeEntry();
                using var file = AddNamed(writer, entry);
                if (file is not null)
                {
                    await WriteContentAsync(tar, entry, file, buffer, guard, cancellationToken);
                    writer.Complete(entry);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static SafeFd? AddNamed(LayerWriter writer, TarEntry entry)
    {
        try
        {
            return writer.Add(entry);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"entry '{NameOf(entry)}': {e.Message}", e);
        }
        catch (LinuxException e) when (e.IsTooLong || e.IsNotFolder || e.IsLink)
        {
            throw new InvalidDataException($"entry '{NameOf(entry)}': {e.Message}", e);
        }
    }

    private static async Task WriteContentAsync(TarReader tar, TarEntry entry, SafeFd file, byte[] buffer, SpaceGuard guard, CancellationToken cancellationToken)
    {
        if (entry.DataRuns is not { } runs)
        {
            while (await tar.ReadAsync(buffer, cancellationToken) is > 0 and var count)
            {
                file.Write(buffer.AsSpan(0, count));
                guard.ChargeBytes(count);
            }

            return;
        }

        foreach (var run in runs)
        {
            FileContent.Seek(file, run.Offset);
            for (var left = run.Length; left > 0;)
            {
                var count = await tar.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, left)), cancellationToken);
                file.Write(buffer.AsSpan(0, count));
                guard.ChargeBytes(count);
                left -= count;
            }
        }

        FileContent.SetLength(file, entry.FileLength);
    }

    private static async Task VerifyAsync(LayerBlob blob, DigestStream source, CancellationToken cancellationToken)
    {
        var digest = await source.FinishAsync(cancellationToken);
        if (blob.SizeBytes >= 0 && source.BytesSeen != blob.SizeBytes)
        {
            throw new RuntimeException(
                RuntimeErrorCode.DataLoss, $"layer {blob.Name}: {source.BytesSeen} bytes came, but the manifest says {blob.SizeBytes}; the registry's copy or the way to it is broken");
        }

        if (blob.Digest is { } expected && digest != expected)
        {
            throw new RuntimeException(
                RuntimeErrorCode.DataLoss, $"layer {blob.Name}: the bytes that came have the digest {digest}; the registry's copy or the way to it is broken");
        }
    }

    private static RuntimeException Malformed(LayerBlob blob, Exception? reason) =>
        new(RuntimeErrorCode.InvalidArgument, $"layer {blob.Name}: {reason?.Message}; build the image again", reason);

    private static string NameOf(TarEntry entry)
    {
        var name = System.Text.Encoding.UTF8.GetString(entry.Name);
        return name.Length <= 200 ? name : name[..200] + "…";
    }
}
