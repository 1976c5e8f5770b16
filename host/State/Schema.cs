using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Berth.State;

/// <summary>The tables, as numbered steps: a database of version n runs the steps after n. Steps are never edited, only added.</summary>
internal static class Schema
{
    private static readonly string[] Steps =
    [
        """
        -- Sandboxes and containers: the record as JSON; name is what makes a retry find its first try.
        CREATE TABLE sandboxes (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, record TEXT NOT NULL) STRICT;
        CREATE TABLE containers (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, record TEXT NOT NULL) STRICT;
        -- What handlers keep for a sandbox or container.
        CREATE TABLE handler_state (id TEXT PRIMARY KEY, version INTEGER NOT NULL, data TEXT NOT NULL) STRICT;

        -- A layer is a folder layers/<id>/fs; complete = 0 while it is unpacked.
        CREATE TABLE layers (
            id INTEGER PRIMARY KEY AUTOINCREMENT, chain_id TEXT NOT NULL UNIQUE, diff_id TEXT NOT NULL,
            complete INTEGER NOT NULL, size_bytes INTEGER NOT NULL DEFAULT 0, inodes INTEGER NOT NULL DEFAULT 0) STRICT;
        CREATE TABLE images (
            id TEXT PRIMARY KEY, config BLOB NOT NULL, manifest BLOB NOT NULL, manifest_digest TEXT NOT NULL,
            size_bytes INTEGER NOT NULL, created_at INTEGER NOT NULL, pinned INTEGER NOT NULL DEFAULT 0) STRICT;
        CREATE TABLE image_layers (
            image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE, position INTEGER NOT NULL,
            layer_id INTEGER NOT NULL REFERENCES layers(id), PRIMARY KEY (image_id, position)) STRICT;
        -- repo:tag and repo@digest, in full form.
        CREATE TABLE image_names (
            name TEXT PRIMARY KEY, image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE) STRICT;
        -- A container's root file system holds its layers, whatever becomes of the image.
        CREATE TABLE snapshots (
            container_id TEXT NOT NULL, position INTEGER NOT NULL, layer_id INTEGER NOT NULL REFERENCES layers(id),
            PRIMARY KEY (container_id, position)) STRICT;
        """,
        """
        -- An image's layers as one file system image, blocks/<id>.erofs; complete = 0 while it is made.
        CREATE TABLE blocks (
            id INTEGER PRIMARY KEY AUTOINCREMENT, image_id TEXT NOT NULL UNIQUE,
            complete INTEGER NOT NULL, size_bytes INTEGER NOT NULL DEFAULT 0) STRICT;
        -- A container holds the file, whatever becomes of the image.
        CREATE TABLE block_users (container_id TEXT PRIMARY KEY, block_id INTEGER NOT NULL REFERENCES blocks(id)) STRICT;
        -- The copies of images in handlers' own stores; complete = 0 while one is handed over.
        CREATE TABLE handler_images (
            handler TEXT NOT NULL, image_id TEXT NOT NULL, complete INTEGER NOT NULL, used_bytes INTEGER NOT NULL DEFAULT 0,
            inodes INTEGER NOT NULL DEFAULT 0, mountpoint TEXT NOT NULL DEFAULT '', PRIMARY KEY (handler, image_id)) STRICT;
        """,
        """
        -- What an image was pulled with: annotations as JSON. The column pinned is no longer read: the configuration says it.
        ALTER TABLE images ADD COLUMN annotations TEXT NOT NULL DEFAULT '{}';
        ALTER TABLE images ADD COLUMN runtime_handler TEXT NOT NULL DEFAULT '';
        """,
        """
        -- What there is against handlers, as JSON: an object of one, or the code of a plugin.
        CREATE TABLE quarantine (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, record TEXT NOT NULL) STRICT;
        """,
    ];

    public static void Migrate(SqliteConnection connection)
    {
        using var query = connection.CreateCommand();
        query.CommandText = "PRAGMA user_version";
        var version = Convert.ToInt32(query.ExecuteScalar(), CultureInfo.InvariantCulture);
        if (version > Steps.Length)
        {
            throw new InvalidOperationException(
                $"the database {connection.DataSource} has schema {version}, newer than this gateway's {Steps.Length}: start the newer gateway, or move the database away");
        }

        for (; version < Steps.Length; version++)
        {
            using var transaction = connection.BeginTransaction();
            using var step = connection.CreateCommand();
            step.CommandText = $"{Steps[version]} PRAGMA user_version = {version + 1};";
            step.ExecuteNonQuery();
            transaction.Commit();
        }
    }
}
