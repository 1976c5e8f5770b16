namespace Berth.Tests.Contract;

/// <summary>Finds what should be gone.</summary>
internal static class Leftovers
{
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
