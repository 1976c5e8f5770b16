using Berth.Abstractions;

namespace Berth.Plugins.Shared;

/// <summary>A look at the machine: callers at the same time share one, a later caller looks anew.</summary>
internal sealed class SharedLook(Func<CancellationToken, Task<HandlerCheck>> look)
{
    private readonly Lock _lock = new();
    private Task<HandlerCheck>? _run;

    public Task<HandlerCheck> RunAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return _run = _run is null or { IsCompleted: true } ? look(cancellationToken) : _run;
        }
    }
}
