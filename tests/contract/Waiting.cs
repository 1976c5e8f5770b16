using Berth.Tests.Support;

namespace Berth.Tests.Contract;

/// <summary>
/// Waits for what must come; the limit only keeps a broken handler from hanging the suite, and suits a virtual machine without
/// hardware support on a busy machine.
/// </summary>
internal static class Waiting
{
    private static readonly TimeSpan Limit = Patience.Of(TimeSpan.FromMinutes(2));

    public static Task<T> Soon<T>(this Task<T> task) => task.WaitAsync(Limit);

    public static Task Soon(this Task task) => task.WaitAsync(Limit);

    /// <summary>Returns once it is so.</summary>
    public static Task TrueAsync(Func<bool> condition) => TrueAsync(() => Task.FromResult(condition()));

    /// <summary>Returns once it is so.</summary>
    public static async Task TrueAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!await condition())
        {
            await Task.Delay(5, limit.Token);
        }
    }

    /// <summary>Returns once a file holds what is awaited.</summary>
    public static async Task<string> ContentAsync(string path, Func<string, bool> awaited)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (true)
        {
            var content = File.Exists(path) ? await File.ReadAllTextAsync(path, limit.Token) : "";
            if (awaited(content))
            {
                return content;
            }

            await Task.Delay(5, limit.Token);
        }
    }

    /// <summary>Returns once a file is there.</summary>
    public static async Task ExistsAsync(string path)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!File.Exists(path))
        {
            await Task.Delay(5, limit.Token);
        }
    }

    /// <summary>Returns once the container's log has a line.</summary>
    public static Task<string> LogAsync(Abstractions.CreateContainerRequest container, string text) =>
        ContentAsync(container.LogPath!, content => content.Contains(text, StringComparison.Ordinal));
}
