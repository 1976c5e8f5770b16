using System.Collections.Concurrent;
using Berth.Abstractions;

namespace Berth.Plugins.Shared;

/// <summary>An attached client of which one sees whether it takes its output.</summary>
internal interface IAttachedClient : IAttachment
{
    /// <summary>Whether there has been output for that long that it does not take.</summary>
    bool WaitsSince(TimeSpan time);
}

/// <summary>
/// The clients at a container's streams. One that does not read holds the container up, as a pipe would; what follows on its end waits until
/// all have their output, so a container that has ended is not held up for long.
/// </summary>
internal sealed class AttachedClients(TimeProvider clock)
{
    // Two seconds after the end the Docker Engine and containerd's shims drop what waits behind a client, and the log would lose it.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<IAttachedClient, bool> _clients = new();

    public void Add(IAttachedClient client)
    {
        _clients[client] = true;
        _ = client.End.ContinueWith(_ => _clients.TryRemove(client, out var _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>Waits for what follows on the end, and sends those away meanwhile who take none of their output.</summary>
    public async Task<T> LetGoUntilAsync<T>(Task<T> settled)
    {
        while (!settled.IsCompleted)
        {
            await Task.WhenAny(settled, Task.Delay(Patience, clock)).ConfigureAwait(false);
            foreach (var client in _clients.Keys.Where(static c => c.WaitsSince(Patience)))
            {
                await client.DetachAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }

        return await settled.ConfigureAwait(false);
    }
}
