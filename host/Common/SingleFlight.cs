namespace Berth.Common;

/// <summary>
/// Equal operations run once: a second caller joins the one that runs and gets its result. A caller that gives up
/// leaves the operation alone; it ends by itself.
/// </summary>
public sealed class SingleFlight<T>
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Task<T>> _running = [];

    /// <summary>Joins the operation of that key, or starts it. The operation gets no token of any caller.</summary>
    public Task<T> RunAsync(string key, Func<Task<T>> operation, CancellationToken cancellationToken)
    {
        Task<T>? task;
        lock (_gate)
        {
            if (!_running.TryGetValue(key, out task))
            {
                _running[key] = task = RunAndForgetAsync(key, operation);
            }
        }

        return task.WaitAsync(cancellationToken);
    }

    private async Task<T> RunAndForgetAsync(string key, Func<Task<T>> operation)
    {
        await Task.Yield(); // so that the entry is in the table before it can be taken out
        try
        {
            return await operation();
        }
        finally
        {
            lock (_gate)
            {
                _running.Remove(key);
            }
        }
    }
}
