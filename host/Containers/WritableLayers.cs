using System.Collections.Concurrent;
using System.Threading.Channels;
using Berth.Linux;
using Berth.Metrics;

namespace Berth.Containers;

/// <summary>Measures what a container has written, by walking its layer.</summary>
public delegate TreeUsage LayerWalk(string containerId);

/// <summary>
/// What containers have written. A walk takes as long as there are files, so lists get the last measure, and one that is old is taken
/// anew in the background, one layer after another; of what nobody asks for none is taken.
/// </summary>
public sealed class WritableLayers(LayerWalk walk, TimeProvider time, ILogger<WritableLayers> log) : BackgroundService
{
    // Kubelets ask every ten seconds and can wait for this figure.
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, Measure> _known = new();
    private readonly Channel<string> _due = Channel.CreateUnbounded<string>(new() { SingleReader = true });

    /// <summary>The last measure; null before the first. No file is looked at here.</summary>
    public TreeUsage? Last(string containerId)
    {
        var known = _known.GetOrAdd(containerId, static _ => Measure.None);
        if (!known.IsDue && (known.Usage is null || time.GetUtcNow() - known.At >= Period) && _known.TryUpdate(containerId, known with { IsDue = true }, known))
        {
            _due.Writer.TryWrite(containerId);
        }

        return known.Usage;
    }

    /// <summary>The last measure, or the first one now.</summary>
    public async Task<TreeUsage?> GetAsync(string containerId, CancellationToken cancellationToken)
    {
        if (Last(containerId) is { } known)
        {
            return known;
        }

        await Task.Run(() => Take(containerId), cancellationToken);
        return _known.GetValueOrDefault(containerId)?.Usage;
    }

    public void Forget(string containerId) => _known.TryRemove(containerId, out _);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var id in _due.Reader.ReadAllAsync(stoppingToken).ConfigureAwait(false))
        {
            Take(id);
        }
    }

    private void Take(string id)
    {
        if (!_known.TryGetValue(id, out var before))
        {
            return; // forgotten meanwhile
        }

        try
        {
            _known.TryUpdate(id, new(walk(id), time.GetUtcNow(), IsDue: false), before);
        }
        catch (IOException e)
        {
            MetricsLog.LayerNotMeasured(log, id, e.Message);
            _known.TryUpdate(id, before with { At = time.GetUtcNow(), IsDue = false }, before);
        }
    }

    private sealed record Measure(TreeUsage? Usage, DateTimeOffset At, bool IsDue)
    {
        public static Measure None { get; } = new(null, default, IsDue: false);
    }
}
