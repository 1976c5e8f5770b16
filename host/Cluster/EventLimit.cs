using Berth.Common;

namespace Berth.Cluster;

/// <summary>What is to be done with a notice: nothing, an event, or one more in an event that is there.</summary>
/// <param name="Name">Of the event.</param>
/// <param name="Count">How often it was seen; above 1 the event is there.</param>
internal sealed record EventStep(string Name, int Count);

/// <summary>
/// Keeps events few: the same notice again within ten minutes is counted in its event, at most once a minute; a subject gets a burst
/// of ten and then one a minute, the node and all its pods together a hundred and then one a second. What is above is dropped.
/// </summary>
internal sealed class EventLimit(TimeProvider time)
{
    private const int MostKnown = 1000;
    private static readonly TimeSpan SeriesLength = TimeSpan.FromMinutes(10), SeriesPause = TimeSpan.FromMinutes(1);

    private readonly Dictionary<Notice, Known> _known = [];
    private readonly Dictionary<string, Bucket> _subjects = new(StringComparer.Ordinal);
    private readonly Bucket _all = new(burst: 100, TimeSpan.FromSeconds(1), time);

    /// <summary>Null if it is not told.</summary>
    public EventStep? Admit(Notice notice)
    {
        Forget();
        var now = time.GetUtcNow();
        if (_known.TryGetValue(notice, out var known))
        {
            known.Count++;
            if (now - known.Told < SeriesPause || !_all.TryTake())
            {
                return null;
            }

            known.Told = now;
            return new(known.Name, known.Count);
        }

        var subject = notice.Pod is { } pod ? $"{pod.Namespace}/{pod.Name}/{pod.Uid}" : "";
        if (!_subjects.TryGetValue(subject, out var bucket))
        {
            _subjects[subject] = bucket = new(burst: 10, TimeSpan.FromMinutes(1), time);
        }

        if (_known.Count >= MostKnown || !bucket.TryTake() || !_all.TryTake())
        {
            return null;
        }

        // As other reporters name theirs: the subject's name and a number.
        var name = $"{notice.Pod?.Name ?? "berth"}.{Guid.NewGuid().ToString("N")[..16]}";
        _known[notice] = new(name, now);
        return new(name, 1);
    }

    /// <summary>It could not be told: the same one again is told as if it were the first.</summary>
    public void Undo(Notice notice) => _known.Remove(notice);

    private void Forget()
    {
        var now = time.GetUtcNow();
        foreach (var old in _known.Where(k => now - k.Value.First > SeriesLength).Select(static k => k.Key).ToList())
        {
            _known.Remove(old);
        }

        foreach (var full in _subjects.Where(static s => s.Value.IsFull).Select(static s => s.Key).ToList())
        {
            _subjects.Remove(full);
        }
    }

    private sealed class Known(string name, DateTimeOffset at)
    {
        public string Name { get; } = name;

        public DateTimeOffset First { get; } = at;

        public DateTimeOffset Told { get; set; } = at;

        public int Count { get; set; } = 1;
    }

    private sealed class Bucket(int burst, TimeSpan refill, TimeProvider time)
    {
        private double _left = burst;
        private long _at = time.GetTimestamp();

        public bool IsFull => Fill() >= burst;

        public bool TryTake()
        {
            if (Fill() < 1)
            {
                return false;
            }

            _left--;
            return true;
        }

        private double Fill()
        {
            _left = Math.Min(burst, _left + (time.GetElapsedTime(_at) / refill));
            _at = time.GetTimestamp();
            return _left;
        }
    }
}
