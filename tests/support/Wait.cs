namespace Berth.Tests.Support;

/// <summary>Waiting for what comes by itself.</summary>
public static class Wait
{
    /// <summary>Asks until the answer fits; a question that gets no answer is given up, too.</summary>
    public static async Task<T> ForAsync<T>(Func<Task<T>> ask, Func<T, bool> fits, TimeSpan limit)
    {
        using var deadline = new CancellationTokenSource(Patience.Of(limit));
        var last = "never answered";
        try
        {
            while (true)
            {
                var answer = await ask().WaitAsync(deadline.Token);
                if (fits(answer))
                {
                    return answer;
                }

                last = $"{answer}";
                await Task.Delay(Patience.Interval, deadline.Token);
            }
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            throw new TimeoutException($"after {limit} it is still: {last}");
        }
    }

    /// <summary>Asks until it holds.</summary>
    public static Task ForAsync(Func<bool> holds, TimeSpan limit) => ForAsync(() => Task.FromResult(holds()), static h => h, limit);
}
