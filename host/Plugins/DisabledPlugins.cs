using Berth.Configuration;

namespace Berth.Plugins;

/// <summary>
/// Plugins that an operator has switched off, by a file of the plugin's id in <c>.disabled</c> of a plugins folder: that holds over
/// restarts, with and without a gateway, and over new versions of the plugin. The file has the reason.
/// </summary>
internal static class DisabledPlugins
{
    /// <summary>In each of <c>plugins.folders</c>.</summary>
    public const string FolderName = ".disabled";

    private const int LongestReason = 500;
    private const string Unknown = "its operator gave no reason";

    /// <summary>Ids with the reasons.</summary>
    public static IReadOnlyDictionary<string, string> Read(IReadOnlyList<string> folders)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in folders.Select(static f => Path.Combine(f, FolderName)).Where(Directory.Exists).SelectMany(Directory.EnumerateFiles))
        {
            if (HandlerNames.IsValid(Path.GetFileName(file)))
            {
                found.TryAdd(Path.GetFileName(file), ReasonIn(file));
            }
        }

        return found;
    }

    /// <summary>Switches one off; again is success, and the newer reason counts.</summary>
    public static void Add(string folder, string id, string? reason)
    {
        Directory.CreateDirectory(Path.Combine(folder, FolderName));
        var file = Path.Combine(folder, FolderName, id);
        File.WriteAllText(file + ".new", string.IsNullOrWhiteSpace(reason) ? Unknown : reason.ReplaceLineEndings(" "));
        File.Move(file + ".new", file, overwrite: true);
    }

    /// <summary>Switches one on; one that is on is success.</summary>
    public static void Remove(IEnumerable<string> folders, string id)
    {
        foreach (var file in folders.Select(f => Path.Combine(f, FolderName, id)).Where(File.Exists))
        {
            File.Delete(file);
        }
    }

    // What cannot be read switches it off all the same.
    private static string ReasonIn(string file)
    {
        try
        {
            using var reader = new StreamReader(file);
            var text = new char[LongestReason];
            return new string(text, 0, reader.ReadBlock(text)).Trim() is { Length: > 0 } reason ? reason : Unknown;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }
}
