namespace Berth.Plugins.Shared;

/// <summary>An operation that happens once: callers at the same time share it, later ones get its result, a failure may be tried again.</summary>
internal sealed class SharedRun
{
    private readonly Lock _lock = new();
    private Task? _run;

    public Task RunAsync(Func<Task> operation)
    {
        lock (_lock)
        {
            return _run is null or { IsCanceled: true } or { IsFaulted: true } ? _run = operation() : _run;
        }
    }
}
