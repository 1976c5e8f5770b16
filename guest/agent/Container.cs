using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>A container: what the host asked for, as far as it is done.</summary>
internal sealed class Container(string id)
{
    public string Id { get; } = id;

    public string Folder { get; } = $"{GuestPaths.Containers}/{id}";

    public string Cgroup { get; } = $"/sys/fs/cgroup{GuestPaths.Cgroup(id)}";

    /// <summary>The first process.</summary>
    public RunningProcess? Init { get; set; }

    /// <summary>The create under way or done, so that a repeated one joins it.</summary>
    public Task? Creating { get; set; }

    /// <summary>The start under way or done.</summary>
    public Task? Starting { get; set; }

    /// <summary>The delete under way.</summary>
    public Task? Deleting { get; set; }

    /// <summary>Other processes by the id that the host gave.</summary>
    public Dictionary<string, RunningProcess> Execs { get; } = [];

    public bool Created => Creating?.IsCompletedSuccessfully ?? false;

    public bool Started => Starting?.IsCompletedSuccessfully ?? false;

    public IEnumerable<RunningProcess> Processes => Init is null ? Execs.Values : Execs.Values.Prepend(Init);

    public RunningProcess Find(string? execId) => (execId is null ? Init : Execs.GetValueOrDefault(execId))
        ?? throw AgentException.NotFound($"container {Id} has no process {execId ?? "yet"}");

    public GuestContainer Describe() => new()
    {
        Id = Id,
        Init = Created ? Init?.Describe() : null,
        Started = Started,
        Execs = [.. Execs.Values.Where(static e => e.Pid > 0 && !e.Acknowledged).Select(static e => e.Describe())],
    };

    /// <summary>An id becomes part of paths.</summary>
    public static void Check(string id)
    {
        if (id is not { Length: > 0 and <= 128 } || id[0] == '.' || !id.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-'))
        {
            throw AgentException.Invalid($"'{id}' is no id");
        }
    }
}
