using Microsoft.Data.Sqlite;

namespace Berth.State;

/// <summary>
/// The gateway's one database: SQLite in WAL mode, one writer. A write is safe against kill -9 when it returns; against
/// power loss only with <see cref="WriteDurably"/>, since after a power loss nothing that the other rows speak of
/// is left anyway, except files that the next start sweeps.
/// </summary>
public sealed class StateDatabase : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly Lock _gate = new();

    /// <summary>Opens or creates the file and brings its schema up to date.</summary>
    public StateDatabase(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, DefaultTimeout = 10 }.ToString());
        _connection.Open();
        Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;");
        Schema.Migrate(_connection);
    }

    /// <summary>Runs one transaction.</summary>
    public void Write(Action<SqliteConnection> body)
    {
        lock (_gate)
        {
            using var transaction = _connection.BeginTransaction();
            body(_connection);
            transaction.Commit();
        }
    }

    /// <summary>Runs one transaction and waits until the disk has it, and all before it.</summary>
    public void WriteDurably(Action<SqliteConnection> body)
    {
        lock (_gate)
        {
            Execute("PRAGMA synchronous=FULL;");
            try
            {
                using var transaction = _connection.BeginTransaction();
                body(_connection);
                transaction.Commit();
            }
            finally
            {
                Execute("PRAGMA synchronous=NORMAL;");
            }
        }
    }

    /// <summary>Reads.</summary>
    public T Read<T>(Func<SqliteConnection, T> body)
    {
        lock (_gate)
        {
            return body(_connection);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _connection.Dispose();

    private void Execute(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
