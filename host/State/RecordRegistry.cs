using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Berth.Abstractions;
using Microsoft.Data.Sqlite;

namespace Berth.State;

/// <summary>What every record has.</summary>
public interface IRecord
{
    string Id { get; }

    /// <summary>No two records of a kind share it.</summary>
    string UniqueName { get; }
}

/// <summary>
/// The records of one kind: read from memory without a lock, changed one at a time, each change in the database before
/// it can be seen.
/// </summary>
public abstract class RecordRegistry<T>(StateDatabase database, string table, JsonTypeInfo<T> json)
    where T : class, IRecord
{
    private readonly ConcurrentDictionary<string, T> _records = new();
    private readonly Lock _writing = new();

    /// <summary>
    /// A record was added (no before), changed, or deleted (no after). Called in the order of the changes, before the next can
    /// happen, so a listener must be quick and must not change records.
    /// </summary>
    public event Action<T?, T?>? Changed;

    /// <summary>Reads all rows; once, at start.</summary>
    public void Load()
    {
        foreach (var record in database.Read(ReadAll))
        {
            _records[record.Id] = record;
        }
    }

    /// <summary>The record, also one that lists do not show; null if there is none.</summary>
    public T? Get(string id) => _records.GetValueOrDefault(id);

    /// <summary>All, also those that lists do not show.</summary>
    public IReadOnlyList<T> All() => [.. _records.Values];

    /// <summary>How many there are, also those that lists do not show.</summary>
    public int Count => _records.Count;

    /// <summary>The record of that name, or null.</summary>
    public T? FindByName(string uniqueName) => _records.Values.FirstOrDefault(r => r.UniqueName == uniqueName);

    /// <summary>Writes a new record.</summary>
    public void Add(T record)
    {
        lock (_writing)
        {
            database.Write(connection => Upsert(connection, record));
            _records[record.Id] = record;
            Changed?.Invoke(null, record);
        }
    }

    /// <summary>Replaces a record by what <paramref name="change"/> makes of it; the result, or null if it is gone.</summary>
    public T? Update(string id, Func<T, T> change)
    {
        lock (_writing)
        {
            if (!_records.TryGetValue(id, out var old))
            {
                return null;
            }

            var changed = change(old);
            if (!ReferenceEquals(changed, old))
            {
                database.Write(connection => Upsert(connection, changed));
                _records[id] = changed;
                Changed?.Invoke(old, changed);
            }

            return changed;
        }
    }

    /// <summary>Deletes the record and what its handler kept for it.</summary>
    public void Delete(string id)
    {
        lock (_writing)
        {
            database.Write(connection =>
            {
                using var command = connection.CreateCommand();
                command.CommandText = $"DELETE FROM {table} WHERE id = $id; DELETE FROM handler_state WHERE id = $id;";
                command.Parameters.AddWithValue("$id", id);
                command.ExecuteNonQuery();
            });
            if (_records.TryRemove(id, out var deleted))
            {
                Changed?.Invoke(deleted, null);
            }
        }
    }

    /// <summary>Whether lists show the record.</summary>
    protected abstract bool IsVisible(T record);

    /// <summary>The visible records.</summary>
    public IReadOnlyList<T> List() => [.. _records.Values.Where(IsVisible)];

    /// <summary>The visible record of that id, or of the only one that begins so; null if there is none.</summary>
    /// <exception cref="RuntimeException">More than one begins so.</exception>
    public T? Find(string idOrPrefix)
    {
        if (_records.TryGetValue(idOrPrefix, out var exact))
        {
            return IsVisible(exact) ? exact : null;
        }

        if (idOrPrefix.Length == 0)
        {
            return null;
        }

        var matches = _records.Values.Where(r => r.Id.StartsWith(idOrPrefix, StringComparison.Ordinal) && IsVisible(r)).Take(2).ToList();
        return matches.Count < 2
            ? matches.FirstOrDefault()
            : throw RuntimeException.InvalidArgument($"the id prefix {idOrPrefix} is ambiguous, more than one of the {table} begins so: give more digits");
    }

    private void Upsert(SqliteConnection connection, T record)
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"INSERT INTO {table} (id, name, record) VALUES ($id, $name, $record) ON CONFLICT (id) DO UPDATE SET record = $record";
        command.Parameters.AddWithValue("$id", record.Id);
        command.Parameters.AddWithValue("$name", record.UniqueName);
        command.Parameters.AddWithValue("$record", JsonSerializer.Serialize(record, json));
        command.ExecuteNonQuery();
    }

    private List<T> ReadAll(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT record FROM {table}";
        using var reader = command.ExecuteReader();
        var records = new List<T>();
        while (reader.Read())
        {
            records.Add(JsonSerializer.Deserialize(reader.GetString(0), json)!);
        }

        return records;
    }
}
