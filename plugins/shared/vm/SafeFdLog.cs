using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>A file for what a helper prints.</summary>
internal static class SafeFdLog
{
    private const int TailBytes = 2048;

    public static SafeFd Create(string path)
    {
        File.WriteAllBytes(path, []);
        return SafeFd.OpenWrite(path);
    }

    /// <summary>The end of it, on one line.</summary>
    public static string Tail(string path)
    {
        if (!File.Exists(path))
        {
            return "";
        }

        using var file = File.Open(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Seek(-Math.Min(TailBytes, file.Length), SeekOrigin.End);
        using var reader = new StreamReader(file);
        return string.Join("; ", reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
    }
}
