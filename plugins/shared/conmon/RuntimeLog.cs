using System.Text.Json;

namespace Berth.Plugins.Shared;

/// <summary>The runtime's log in its JSON form: one object a line, with <c>level</c> and <c>msg</c>.</summary>
internal static class RuntimeLog
{
    private const int MaxBytes = 64 * 1024;

    /// <summary>The last error in the file, or null.</summary>
    public static string? LastError(string path)
    {
        if (!File.Exists(path) || new FileInfo(path).Length > MaxBytes)
        {
            return null;
        }

        return File.ReadLines(path).Select(ErrorOf).LastOrDefault(static message => message is not null);
    }

    private static string? ErrorOf(string line)
    {
        try
        {
            using var entry = JsonDocument.Parse(line);
            return entry.RootElement.TryGetProperty("level", out var level) && level.GetString() is "error" or "fatal" or "warning"
                && entry.RootElement.TryGetProperty("msg", out var message)
                ? message.GetString()
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
