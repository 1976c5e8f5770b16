namespace Berth.Plugins.Vm;

/// <summary>The clients at a container. Output waits for the slowest of them, but not that of a container that is being killed.</summary>
internal sealed class Attachments
{
    private readonly Lock _lock = new();
    private readonly List<VmAttachment> _clients = [];
    private readonly TaskCompletionSource _hurry = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _finished;

    public void Add(VmAttachment client)
    {
        lock (_lock)
        {
            _clients.Add(client);
            if (_finished)
            {
                client.Finish();
            }
        }

        _ = RemoveAtItsEndAsync(client);
    }

    /// <summary>Output for all; completes when they have it.</summary>
    public Task TakeAsync(bool isStderr, ReadOnlyMemory<byte> bytes)
    {
        List<Task> writes;
        lock (_lock)
        {
            if (_clients.Count == 0)
            {
                return Task.CompletedTask;
            }

            writes = [.. _clients.Select(c => c.TakeAsync(isStderr, bytes))];
        }

        return Task.WhenAny(Task.WhenAll(writes), _hurry.Task);
    }

    /// <summary>
    /// The container is to end, whether or not its clients read: what they have not taken waits here, no more than the agent keeps.
    /// </summary>
    public void Hurry() => _hurry.TrySetResult();

    /// <summary>No more comes.</summary>
    public void Finish()
    {
        lock (_lock)
        {
            _finished = true;
            _clients.ForEach(static c => c.Finish());
        }

        Hurry();
    }

    private async Task RemoveAtItsEndAsync(VmAttachment client)
    {
        await client.End.ConfigureAwait(false);
        lock (_lock)
        {
            _clients.Remove(client);
        }
    }
}
