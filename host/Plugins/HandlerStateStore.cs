using System.Text;
using System.Text.Json;
using Berth.Abstractions;
using Berth.State;

namespace Berth.Plugins;

/// <summary>The small records that handlers keep for their sandboxes and containers.</summary>
public sealed class HandlerStateStore(StateDatabase database)
{
    private const int LargestBytes = 64 << 10;

    /// <summary>Replaces the record of that id.</summary>
    /// <exception cref="RuntimeException">It is too large.</exception>
    public void Save(string id, StateRecord state)
    {
        var data = state.Data.GetRawText();
        if (Encoding.UTF8.GetByteCount(data) is var size && size > LargestBytes)
        {
            throw RuntimeException.InvalidArgument($"the state record of {id} has {size} bytes, more than {LargestBytes}");
        }

        database.Write(connection =>
        {
            using var command = connection.CreateCommand();
            command.CommandText = """
                INSERT INTO handler_state (id, version, data) VALUES ($id, $version, $data)
                ON CONFLICT (id) DO UPDATE SET version = excluded.version, data = excluded.data
                """;
            command.Parameters.AddWithValue("$id", id);
            command.Parameters.AddWithValue("$version", state.Version);
            command.Parameters.AddWithValue("$data", data);
            command.ExecuteNonQuery();
        });
    }

    /// <summary>The newest record, or null.</summary>
    public StateRecord? Load(string id) => database.Read(connection =>
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT version, data FROM handler_state WHERE id = $id";
        command.Parameters.AddWithValue("$id", id);
        using var reader = command.ExecuteReader();
        return reader.Read() ? new StateRecord(reader.GetInt32(0), JsonSerializer.Deserialize<JsonElement>(reader.GetString(1))) : null;
    });

    /// <summary>Forgets the record. Absent is success.</summary>
    public void Delete(string id) => database.Write(connection =>
    {
        using var command = connection.CreateCommand();
        command.CommandText = "DELETE FROM handler_state WHERE id = $id";
        command.Parameters.AddWithValue("$id", id);
        command.ExecuteNonQuery();
    });
}
