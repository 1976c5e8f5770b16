using System.Collections.Concurrent;

namespace Berth.Plugins.Docker;

/// <summary>
/// The clients at a container's streams. One that does not read holds the container up, as a pipe would; the Engine tells no end before
/// all have their output, so a container that has ended is not held up for long.
/// </summary>
internal sealed class AttachedClients(TimeProvider clock)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<DockerAttachment, bool> _clients = new();

    public void Add(DockerAttachment client)
    {
        _clients[client] = true;
        _ = client.End.ContinueWith(_ => _clients.TryRemove(client, out var _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>Waits for what the Engine tells of the end, and sends those away meanwhile who take none of their output.</summary>
    public async Task<T> LetGoUntilAsync<T>(Task<T> told)
    {
        while (!told.IsCompleted)
        {
            await Task.WhenAny(told, Task.Delay(Patience, clock)).ConfigureAwait(false);
            foreach (var client in _clients.Keys.Where(static c => c.WaitsSince(Patience)))
            {
                await client.DetachAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }

        return await told.ConfigureAwait(false);
    }
}
