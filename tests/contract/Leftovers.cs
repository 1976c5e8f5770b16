namespace Berth.Tests.Contract;

/// <summary>Finds what should be gone.</summary>
internal static class Leftovers
{
    private static readonly TimeSpan SettleTime = TimeSpan.FromSeconds(15);

    /// <summary>The processes that are left when those that were killed have had time to go.</summary>
    public static async Task<IReadOnlyList<string>> SettledAsync(params string[] folders)
    {
        using var limit = new CancellationTokenSource(SettleTime);
        while (Processes(folders) is { Count: > 0 } left)
        {
            if (limit.IsCancellationRequested)
            {
                return left;
            }

            await Task.Delay(10, CancellationToken.None);
        }

        return [];
    }

    /// <summary>Processes whose command line names one of the folders.</summary>
    public static IReadOnlyList<string> Processes(params string[] folders) =>
        [.. Directory.EnumerateDirectories("/proc").Where(static d => char.IsAsciiDigit(Path.GetFileName(d)[0]))
            .Select(CommandLine).Where(line => folders.Any(f => line.Contains(f, StringComparison.Ordinal)))];

    private static string CommandLine(string folder)
    {
        try
        {
            return $"{Path.GetFileName(folder)}: {File.ReadAllText(Path.Combine(folder, "cmdline")).Replace('\0', ' ')}";
        }
        catch (IOException)
        {
            return "";
        }
    }
}
