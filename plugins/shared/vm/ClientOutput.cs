using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>A caller's descriptor for output: pieces in their order, as fast as the caller takes them.</summary>
internal sealed class ClientOutput : IAsyncDisposable
{
    private readonly SafeFd _target;
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _closed = new();
    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _writes = Task.CompletedTask;

    private ClientOutput(SafeFd target)
    {
        _target = target;
        target.SetNonBlocking();
    }

    /// <summary>Completes when the caller takes no more.</summary>
    public Task Gone => _gone.Task;

    /// <summary>Opens a copy of the descriptor; null where there is none.</summary>
    public static ClientOutput? Open(StdioEndpoint endpoint) => Endpoints.Open(endpoint, forWriting: true) is { } target ? new(target) : null;

    /// <summary>Completes when the caller has the bytes and all before them, or takes no more; never fails.</summary>
    public Task WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        lock (_lock)
        {
            return _writes = AfterAsync(_writes, bytes);
        }
    }

    /// <summary>Completes when all that came before is written.</summary>
    public Task FlushAsync() => WriteAsync(default);

    /// <summary>Lets go of the descriptor; what is not written is dropped.</summary>
    public async ValueTask DisposeAsync()
    {
        _gone.TrySetResult();
        await _closed.CancelAsync().ConfigureAwait(false);
        // Its number may be another's as soon as it is closed, so nobody must be about to write.
        await FlushAsync().ConfigureAwait(false);
        _target.Dispose();
    }

    private async Task AfterAsync(Task before, ReadOnlyMemory<byte> bytes)
    {
        await before.ConfigureAwait(false);
        if (_gone.Task.IsCompleted)
        {
            return;
        }

        try
        {
            await _target.WriteAsync(bytes, _closed.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is LinuxException or OperationCanceledException)
        {
            // EPIPE as a rule. The process goes on, as it would with a pipe that somebody drains.
            _gone.TrySetResult();
        }
    }
}
