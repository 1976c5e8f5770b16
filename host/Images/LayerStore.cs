using Berth.Abstractions;
using Berth.Common;
using Berth.Configuration;
using Berth.Images.Layers;
using Berth.Linux;
using Berth.State;

namespace Berth.Images;

/// <summary>
/// The layers on disk, by chain id: each is unpacked once whoever asks for it, and stays while an image, a container or a
/// running pull holds it. A row comes before the folder, and says complete only once the disk has the folder's content.
/// </summary>
public sealed class LayerStore(StateDatabase database, ImagesOptions options, ImageFolders folders, Trash trash, TimeProvider time, ILogger<LayerStore> logger) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _held = [];
    private readonly SingleFlight<StoredLayer> _flights = new();
    private readonly SemaphoreSlim _slots = new(options.MaxParallelLayers);
    private readonly FileSystemSync _sync = new(folders.Layers);

    /// <summary>Puts right what a crash left: half-made layers, folders without a row, mounts of unfinished layers.</summary>
    public void Recover()
    {
        MountTable.UnmountBeneath(folders.Layers);
        var halfMade = 0;
        database.WriteDurably(c => halfMade = c.Execute("DELETE FROM layers WHERE complete = 0"));
        var known = database.Read(static c => c.Query("SELECT id FROM layers", static r => r.GetInt64(0))).Select(folders.Layer).ToHashSet();
        var strays = Directory.EnumerateDirectories(folders.Layers).Where(f => !known.Contains(f)).ToList();
        strays.ForEach(trash.Discard);
        trash.Sweep();
        Directory.EnumerateFiles(folders.Ingest).ToList().ForEach(File.Delete);
        Collect();
        if (halfMade + strays.Count > 0)
        {
            logger.Swept(halfMade, strays.Count);
        }
    }

    /// <summary>Removes the layers that nothing holds any more; how many.</summary>
    public int Collect()
    {
        List<long> removed = [];
        lock (_gate)
        {
            var held = _held.Keys.ToHashSet();
            // The disk must know that the row is gone before the folder goes, or a power loss could leave a row without its layer.
            database.WriteDurably(c =>
            {
                const string Unused = "SELECT id, chain_id FROM layers WHERE complete = 1 AND id NOT IN (SELECT layer_id FROM image_layers UNION SELECT layer_id FROM snapshots)";
                removed = [.. c.Query(Unused, static r => (Id: r.GetInt64(0), Chain: r.GetString(1))).Where(l => !held.Contains(l.Chain)).Select(static l => l.Id)];
                removed.ForEach(id => c.Execute("DELETE FROM layers WHERE id = $id", ("$id", id)));
            });
        }

        removed.ForEach(id => trash.Discard(folders.Layer(id)));
        return removed.Count;
    }

    /// <inheritdoc/>
    public void Dispose() => _slots.Dispose();

    /// <summary>Brings all layers of an image to the disk, several at once. They are safe from <see cref="Collect"/> until the lease is disposed of.</summary>
    internal async Task<LayerLease> EnsureAsync(IReadOnlyList<LayerBlob> blobs, IBlobSource source, CancellationToken cancellationToken)
    {
        var lease = Hold(blobs);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var tasks = new List<Task<StoredLayer>>();
        foreach (var blob in blobs)
        {
            tasks.Add(EnsureOneAsync(blob, source, tasks.LastOrDefault(), stop.Token));
        }

        try
        {
            await foreach (var done in Task.WhenEach(tasks))
            {
                await done;
            }

            lease.Top = tasks.Count > 0 ? await tasks[^1] : null;
            return lease;
        }
        catch
        {
            await stop.CancelAsync();
            await ((Task)Task.WhenAll(tasks)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            lease.Dispose();
            throw;
        }
    }

    private async Task<StoredLayer> EnsureOneAsync(LayerBlob blob, IBlobSource source, Task<StoredLayer>? below, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (Find(blob) is { } id)
            {
                return new(id, below is null ? null : await below);
            }

            Task<StoredLayer>? own = null;
            try
            {
                return await _flights.RunAsync(blob.ChainId.Value, () => own = CreateAsync(blob, source, below, cancellationToken), cancellationToken);
            }
            catch (Exception) when (own is not null)
            {
                // A cancelled wait comes back before the work has tidied up.
                await ((Task)own).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                throw;
            }
            catch (Exception) when (!cancellationToken.IsCancellationRequested)
            {
                // Another pull's try, with its registry and its credentials, ended. Now ours.
            }
        }
    }

    private async Task<StoredLayer> CreateAsync(LayerBlob blob, IBlobSource source, Task<StoredLayer>? below, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Find(blob) is { } existing)
        {
            return new(existing, below is null ? null : await below);
        }

        var id = Insert(blob);
        try
        {
            var started = time.GetTimestamp();
            var unpacked = await UnpackAsync(blob, source, id, cancellationToken);
            var layer = new StoredLayer(id, below is null ? null : await below);
            await Task.Run(() => Finish(blob, layer, unpacked), cancellationToken);
            await _sync.RunAsync();
            database.WriteDurably(c => c.Execute(
                "UPDATE layers SET complete = 1, size_bytes = $size, inodes = $inodes WHERE id = $id",
                ("$size", unpacked.SizeBytes), ("$inodes", unpacked.Inodes), ("$id", id)));
            logger.LayerUnpacked(blob.Name, id, unpacked.Inodes, unpacked.SizeBytes, (long)time.GetElapsedTime(started).TotalMilliseconds);
            return layer;
        }
        catch
        {
            database.Write(c => c.Execute("DELETE FROM layers WHERE id = $id", ("$id", id)));
            trash.Discard(folders.Layer(id));
            throw;
        }
    }

    private async Task<UnpackedLayer> UnpackAsync(LayerBlob blob, IBlobSource source, long id, CancellationToken cancellationToken)
    {
        await _slots.WaitAsync(cancellationToken);
        try
        {
            Directory.CreateDirectory(folders.Layer(id), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            var files = folders.LayerFiles(id);
            Directory.CreateDirectory(files);
            File.SetUnixFileMode(files, (UnixFileMode)0x1ED); // 0755, whatever the umask
            var unpacked = await LayerUnpacker.UnpackAsync(blob, source, files, cancellationToken);
            if (unpacked.RefusedAttribute is { } attribute)
            {
                logger.AttributeRefused(blob.Name, attribute);
            }

            return unpacked;
        }
        catch (LinuxException e) when (e.IsOutOfResources)
        {
            throw new RuntimeException(
                RuntimeErrorCode.ResourceExhausted, $"layer {blob.Name} could not be unpacked into {folders.Root}: {e.Message}; free space or remove images", e);
        }
        finally
        {
            _slots.Release();
        }
    }

    private void Finish(LayerBlob blob, StoredLayer layer, UnpackedLayer unpacked)
    {
        var files = folders.LayerFiles(layer.Id);
        if (layer.Below is { } below && !unpacked.HasRootEntry)
        {
            LayerFinisher.CopyRoot(folders.LayerFiles(below.Id), files);
        }

        if (unpacked.MissingLinks.Count + (layer.Below is null ? 0 : unpacked.ImpliedFolders.Count) == 0)
        {
            return;
        }

        try
        {
            using var view = LayerView.Open(layer.Below, folders, Path.Combine(folders.Layer(layer.Id), "below"));
            LayerFinisher.Finish(files, view.Folder, unpacked.ImpliedFolders, unpacked.MissingLinks);
        }
        catch (InvalidDataException e)
        {
            throw new RuntimeException(RuntimeErrorCode.InvalidArgument, $"layer {blob.Name}: {e.Message}; build the image again", e);
        }
    }

    private long? Find(LayerBlob blob) => database.Read(c => c.Query<long?>(
        "SELECT id FROM layers WHERE chain_id = $chain AND complete = 1", static r => r.GetInt64(0), ("$chain", blob.ChainId.Value))).FirstOrDefault();

    private long Insert(LayerBlob blob)
    {
        long id = 0;
        database.Write(c => id = c.Query(
            "INSERT INTO layers (chain_id, diff_id, complete) VALUES ($chain, $diff, 0) RETURNING id", static r => r.GetInt64(0),
            ("$chain", blob.ChainId.Value), ("$diff", blob.DiffId.Value))[0]);
        return id;
    }

    private LayerLease Hold(IReadOnlyList<LayerBlob> blobs)
    {
        var chains = blobs.Select(static b => b.ChainId.Value).ToList();
        lock (_gate)
        {
            chains.ForEach(c => _held[c] = _held.GetValueOrDefault(c) + 1);
        }

        return new(() => Release(chains));
    }

    private void Release(List<string> chains)
    {
        lock (_gate)
        {
            foreach (var chain in chains)
            {
                if (--_held[chain] == 0)
                {
                    _held.Remove(chain);
                }
            }
        }
    }
}
