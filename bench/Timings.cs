using System.Diagnostics;

namespace Berth.Bench;

/// <summary>What one peer took, by step.</summary>
internal sealed class Timings
{
    private readonly Dictionary<string, List<double>> _milliseconds = [];

    public async Task<T> MeasureAsync<T>(string step, Func<Task<T>> action)
    {
        var start = Stopwatch.GetTimestamp();
        var result = await action();
        Add(step, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        return result;
    }

    public void Add(string step, double value)
    {
        lock (_milliseconds)
        {
            (_milliseconds.TryGetValue(step, out var list) ? list : _milliseconds[step] = []).Add(value);
        }
    }

    /// <summary>The median; null if the step was not measured.</summary>
    public double? Median(string step)
    {
        if (!_milliseconds.TryGetValue(step, out var list))
        {
            return null;
        }

        var sorted = list.Order().ToList();
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[(sorted.Count / 2) - 1] + sorted[sorted.Count / 2]) / 2;
    }
}
