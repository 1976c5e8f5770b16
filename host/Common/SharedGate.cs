namespace Berth.Common;

/// <summary>
/// For each key: many may enter at a time, or one alone. Who wants to be alone does not wait; who comes while one is alone waits for
/// its end. Keys that nobody uses cost nothing.
/// </summary>
public sealed class SharedGate
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _entries = [];

    /// <summary>Enters beside others; dispose of the result to leave.</summary>
    public async Task<IDisposable> EnterAsync(string key)
    {
        while (true)
        {
            Task wait;
            lock (_lock)
            {
                if (!_entries.TryGetValue(key, out var entry))
                {
                    _entries[key] = entry = new();
                }

                if (entry.Alone is null)
                {
                    entry.Count++;
                    return new Holder(() => Leave(key));
                }

                wait = entry.Alone.Task;
            }

            await wait;
        }
    }

    /// <summary>Enters alone; null if anybody is there.</summary>
    public IDisposable? TryEnterAlone(string key)
    {
        lock (_lock)
        {
            if (_entries.ContainsKey(key))
            {
                return null;
            }

            _entries[key] = new() { Alone = new(TaskCreationOptions.RunContinuationsAsynchronously) };
            return new Holder(() => Leave(key));
        }
    }

    private void Leave(string key)
    {
        lock (_lock)
        {
            var entry = _entries[key];
            if (entry.Alone is not null || --entry.Count == 0)
            {
                _entries.Remove(key);
                entry.Alone?.SetResult();
            }
        }
    }

    private sealed class Entry
    {
        public int Count { get; set; }

        public TaskCompletionSource? Alone { get; init; }
    }

    private sealed class Holder(Action leave) : IDisposable
    {
        private Action? _leave = leave;

        public void Dispose() => Interlocked.Exchange(ref _leave, null)?.Invoke();
    }
}
