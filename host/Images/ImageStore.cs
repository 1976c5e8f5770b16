using System.Collections.Frozen;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Configuration;
using Berth.State;

namespace Berth.Images;

/// <summary>
/// The images that are here. Reads take one reference to an immutable snapshot; changes go to the database first and
/// then swap the snapshot.
/// </summary>
public sealed class ImageStore
{
    private const int ShortestIdPrefix = 3;

    private readonly Lock _gate = new();
    private readonly StateDatabase _database;
    private readonly LayerStore _layers;
    private readonly TimeProvider _time;
    private readonly PinnedImages _pinned;
    private readonly ILogger<ImageStore> _logger;
    private volatile Snapshot _snapshot;

    /// <summary>Reads what the database has.</summary>
    public ImageStore(StateDatabase database, LayerStore layers, ImagesOptions options, TimeProvider time, ILogger<ImageStore> logger)
    {
        (_database, _layers, _time, _logger) = (database, layers, time, logger);
        _pinned = new(options);
        _snapshot = Load();
    }

    /// <summary>All images.</summary>
    public IReadOnlyCollection<ImageModel> List() => _snapshot.ById.Values;

    /// <summary>The image of an id (with or without <c>sha256:</c>), a name by tag or digest, or the beginning of an id.</summary>
    /// <exception cref="RuntimeException">More than one id begins so.</exception>
    public ImageModel? Find(string reference)
    {
        var snapshot = _snapshot;
        if (snapshot.ById.TryGetValue(reference, out var image) || snapshot.ById.TryGetValue($"sha256:{reference}", out image))
        {
            return image;
        }

        return ImageReference.TryParse(reference) is { } name && snapshot.ByName.TryGetValue(name.Name, out image)
            ? image
            : FindByPrefix(snapshot, reference);
    }

    /// <summary>The image, or NotFound with what to do.</summary>
    public ImageModel Get(string reference) =>
        Find(reference) ?? throw RuntimeException.NotFound($"image '{reference}' is not here; pull it first");

    /// <summary>The configuration as its author wrote it; null if the image is gone.</summary>
    public byte[]? ReadConfig(string imageId) =>
        _database.Read(c => c.Query("SELECT config FROM images WHERE id = $id", static r => (byte[])r[0], ("$id", imageId)).FirstOrDefault());

    /// <summary>The manifest as its author wrote it; null if the image is gone.</summary>
    public byte[]? ReadManifest(string imageId) =>
        _database.Read(c => c.Query("SELECT manifest FROM images WHERE id = $id", static r => (byte[])r[0], ("$id", imageId)).FirstOrDefault());

    /// <summary>
    /// Removes the image with all its names, whichever of them it is called by: kubelets collect images, not names, and
    /// containerd does the same. None is success. Containers keep its layers.
    /// </summary>
    /// <exception cref="RuntimeException">The configuration pins it.</exception>
    public void Remove(string reference)
    {
        if (Find(reference) is not { } image)
        {
            return;
        }

        if (image.Pinned)
        {
            throw RuntimeException.FailedPrecondition($"image {reference} is pinned by images.pinned of the gateway's configuration; take it from there first");
        }

        lock (_gate)
        {
            _database.Write(c => c.Execute("DELETE FROM images WHERE id = $id", ("$id", image.Id)));
            _snapshot = Load();
        }

        _logger.ImageRemoved(image.Id, _layers.Collect());
    }

    /// <summary>Whether an image of that repository is here, so that asking the registry for a digest alone may save a pull.</summary>
    internal bool HasRepository(string repository)
    {
        var prefix = repository + "@";
        return _snapshot.ByName.Keys.Any(n => n.StartsWith(prefix, StringComparison.Ordinal));
    }

    /// <summary>Stores an image whose layers are complete and held; a name that another image has moves to this one.</summary>
    internal ImageModel Put(NewImage image)
    {
        lock (_gate)
        {
            _database.WriteDurably(c =>
            {
                c.Execute(
                    """
                    INSERT INTO images (id, config, manifest, manifest_digest, size_bytes, created_at)
                    VALUES ($id, $config, $manifest, $digest,
                        $own + (SELECT coalesce(sum(size_bytes), 0) FROM layers WHERE id IN (SELECT value FROM json_each($layers))), $now)
                    ON CONFLICT (id) DO UPDATE SET manifest = excluded.manifest, manifest_digest = excluded.manifest_digest
                    """,
                    ("$id", image.Id.Value), ("$config", image.Config), ("$manifest", image.Manifest), ("$digest", image.ManifestDigest?.Value ?? ""),
                    ("$own", image.Config.LongLength), ("$layers", $"[{string.Join(',', image.LayerIds)}]"), ("$now", _time.GetUtcNow().ToUnixTimeMilliseconds()));
                for (var position = 0; position < image.LayerIds.Count; position++)
                {
                    c.Execute(
                        "INSERT OR REPLACE INTO image_layers (image_id, position, layer_id) VALUES ($id, $position, $layer)",
                        ("$id", image.Id.Value), ("$position", position), ("$layer", image.LayerIds[position]));
                }

                foreach (var name in image.Names)
                {
                    c.Execute("INSERT OR REPLACE INTO image_names (name, image_id) VALUES ($name, $id)", ("$name", name), ("$id", image.Id.Value));
                }
            });
            _snapshot = Load();
            return _snapshot.ById[image.Id.Value];
        }
    }

    /// <summary>Keeps what an image was pulled with; null if it has gone.</summary>
    internal ImageModel? SetAsked(string imageId, PulledFor asked)
    {
        lock (_gate)
        {
            if (!_snapshot.ById.TryGetValue(imageId, out var image) || image.Asked.IsSame(asked))
            {
                return image;
            }

            _database.Write(c => c.Execute(
                "UPDATE images SET annotations = $annotations, runtime_handler = $handler WHERE id = $id",
                ("$annotations", JsonSerializer.Serialize(asked.Annotations)), ("$handler", asked.RuntimeHandler), ("$id", imageId)));
            _snapshot = Load();
            return _snapshot.ById[imageId];
        }
    }

    /// <summary>Gives an image that is here one more name; null if it has gone.</summary>
    internal ImageModel? AddName(string imageId, string name)
    {
        lock (_gate)
        {
            if (!_snapshot.ById.TryGetValue(imageId, out _))
            {
                return null;
            }

            _database.Write(c => c.Execute("INSERT OR REPLACE INTO image_names (name, image_id) VALUES ($name, $id)", ("$name", name), ("$id", imageId)));
            _snapshot = Load();
            return _snapshot.ById[imageId];
        }
    }

    private static ImageModel? FindByPrefix(Snapshot snapshot, string reference)
    {
        var hex = reference.StartsWith("sha256:", StringComparison.Ordinal) ? reference[7..] : reference;
        if (hex.Length < ShortestIdPrefix)
        {
            return null;
        }

        var found = snapshot.ById.Values.Where(i => i.Id.AsSpan(7).StartsWith(hex, StringComparison.Ordinal)).Take(2).ToList();
        return found.Count < 2
            ? found.FirstOrDefault()
            : throw RuntimeException.InvalidArgument($"the image id prefix {reference} is ambiguous, more than one image begins so: give more digits");
    }

    private Snapshot Load() => _database.Read(connection =>
    {
        var names = connection.Query("SELECT image_id, name FROM image_names ORDER BY name", static r => (Id: r.GetString(0), Name: r.GetString(1))).ToLookup(static n => n.Id, static n => n.Name);
        var layers = connection.Query("SELECT image_id, layer_id FROM image_layers ORDER BY image_id, position", static r => (Id: r.GetString(0), Layer: r.GetInt64(1))).ToLookup(static l => l.Id, static l => l.Layer);
        var rows = connection.Query(
            "SELECT id, config, size_bytes, annotations, runtime_handler FROM images ORDER BY created_at, id",
            static r => (Id: r.GetString(0), Config: (byte[])r[1], Size: r.GetInt64(2), Annotations: r.GetString(3), Handler: r.GetString(4)));
        var images = rows.Select(row => Read(row.Id, row.Config, names[row.Id]) is { } config
            ? new ImageModel
            {
                Id = row.Id,
                RepoTags = [.. names[row.Id].Where(static n => !n.Contains('@'))],
                RepoDigests = [.. names[row.Id].Where(static n => n.Contains('@'))],
                SizeBytes = row.Size,
                Config = config,
                LayerIds = [.. layers[row.Id]],
                Pinned = _pinned.Contains(names[row.Id]),
                Asked = new(JsonSerializer.Deserialize<Dictionary<string, string>>(row.Annotations)!, row.Handler),
            }
            : null).OfType<ImageModel>().ToList();
        return new Snapshot(images);
    });

    private ImageConfig? Read(string id, byte[] config, IEnumerable<string> names)
    {
        try
        {
            return ImageConfig.Parse(config, names.FirstOrDefault(id));
        }
        catch (RuntimeException e)
        {
            _logger.ImageUnreadable(id, e.Message);
            return null;
        }
    }

    private sealed class Snapshot(IReadOnlyList<ImageModel> images)
    {
        public FrozenDictionary<string, ImageModel> ById { get; } = images.ToFrozenDictionary(static i => i.Id);

        public FrozenDictionary<string, ImageModel> ByName { get; } =
            images.SelectMany(static i => i.RepoTags.Concat(i.RepoDigests).Select(n => KeyValuePair.Create(n, i))).ToFrozenDictionary();
    }
}

/// <summary>An image to be stored.</summary>
internal sealed record NewImage
{
    public required Digest Id { get; init; }

    public required byte[] Config { get; init; }

    /// <summary>Empty where an archive has none.</summary>
    public required byte[] Manifest { get; init; }

    public Digest? ManifestDigest { get; init; }

    /// <summary>Lowest first.</summary>
    public required IReadOnlyList<long> LayerIds { get; init; }

    public required IReadOnlyList<string> Names { get; init; }
}
