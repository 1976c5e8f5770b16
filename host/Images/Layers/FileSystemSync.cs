using Berth.Linux;

namespace Berth.Images.Layers;

/// <summary>
/// Flushes the store's file system for many callers: who asks while a flush runs shares the next one, which covers all
/// that was written before it began.
/// </summary>
internal sealed class FileSystemSync(string folder)
{
    private readonly Lock _gate = new();
    private Task _running = Task.CompletedTask;
    private Task? _next;

    public Task RunAsync()
    {
        lock (_gate)
        {
            return _next ??= RunAfterAsync(_running);
        }
    }

    private async Task RunAfterAsync(Task before)
    {
        await Task.Yield(); // so that the field is set first
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_gate)
        {
            (_running, _next) = (_next!, null);
        }

        FileSystemSpace.Sync(folder);
    }
}
