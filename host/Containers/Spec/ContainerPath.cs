using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>Paths as requests and images write them, as text only.</summary>
internal static class ContainerPath
{
    // PATH_MAX, see limits.h.
    private const int MaxLength = 4096;

    /// <summary>The path without doubled slashes and dots; it must be absolute and have no <c>..</c>.</summary>
    internal static string Normalize(string path, string what)
    {
        if (path.Length == 0 || path[0] != '/')
        {
            throw RuntimeException.InvalidArgument($"{what} \"{path}\" must be an absolute path");
        }

        if (path.Length >= MaxLength || path.Contains('\0'))
        {
            throw RuntimeException.InvalidArgument($"{what} is longer than {MaxLength} characters or contains a NUL");
        }

        var parts = Split(path);
        return parts.Contains("..")
            ? throw RuntimeException.InvalidArgument($"{what} \"{path}\" must not contain \"..\"")
            : "/" + string.Join('/', parts);
    }

    /// <summary>The path as a process whose root is the image would read it: a <c>..</c> never climbs above the root.</summary>
    internal static string NormalizeInRoot(string path)
    {
        var parts = new List<string>();
        foreach (var part in Split(path))
        {
            if (part != "..")
            {
                parts.Add(part);
            }
            else if (parts.Count > 0)
            {
                parts.RemoveAt(parts.Count - 1);
            }
        }

        return "/" + string.Join('/', parts);
    }

    /// <summary>How many folders deep; the root is 0.</summary>
    internal static int Depth(string normalized) => normalized == "/" ? 0 : normalized.Count(static c => c == '/');

    /// <summary>Whether a path lies beneath a folder.</summary>
    internal static bool IsBeneath(string path, string folder) =>
        path.Length > folder.Length && path.StartsWith(folder, StringComparison.Ordinal) && (folder == "/" || path[folder.Length] == '/');

    internal static string[] Split(string path) => [.. path.Split('/').Where(static part => part is not ("" or "."))];
}
