using System.Globalization;
using Berth.Abstractions;

namespace Example;

/// <summary>The files in a container's private folder.</summary>
internal static class Files
{
    public static string Pid(CreateContainerRequest request) => Path.Combine(request.PrivateDirectory, "pid");

    /// <summary>The number in a file; null if it is not there, or not written yet.</summary>
    public static async Task<int?> NumberAsync(string path) =>
        File.Exists(path) && int.TryParse((await File.ReadAllTextAsync(path)).Trim(), CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>How the init ended, as the monitor wrote it: the time is the file's, and so the same after every restart.</summary>
    public static async Task<ProcessExit?> ExitAsync(CreateContainerRequest request)
    {
        var file = Path.Combine(request.PrivateDirectory, "exit");
        return await NumberAsync(file) is not { } code ? null : new()
        {
            Code = code is >= 0 and <= 255 ? code : 255,
            FinishedAt = new(File.GetLastWriteTimeUtc(file), TimeSpan.Zero),
            OutOfMemory = File.Exists(Path.Combine(request.PrivateDirectory, "oom")),
        };
    }
}
