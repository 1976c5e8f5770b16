namespace Berth.Tests.Support;

/// <summary>Waiting for what comes by itself.</summary>
public static class Wait
{
    /// <summary>Asks until the answer fits.</summary>
    public static async Task<T> ForAsync<T>(Func<Task<T>> ask, Func<T, bool> fits, TimeSpan limit)
    {
        using var deadline = new CancellationTokenSource(Patience.Of(limit));
        while (true)
        {
            var answer = await ask();
            if (fits(answer))
            {
                return answer;
            }

            if (deadline.IsCancellationRequested)
            {
                throw new TimeoutException($"after {limit} it is still: {answer}");
            }

            await Task.Delay(Patience.Interval);
        }
    }

    /// <summary>Asks until it holds.</summary>
    public static Task ForAsync(Func<bool> holds, TimeSpan limit) => ForAsync(() => Task.FromResult(holds()), static h => h, limit);
}
