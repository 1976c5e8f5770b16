namespace Berth.Linux;

/// <summary>Finds executables in a fixed path; the gateway's own environment does not decide what runs as root.</summary>
public static class Executable
{
    /// <summary>Where bare names are looked up, and PATH of every child.</summary>
    public const string SearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>The path of an executable file, or null.</summary>
    public static string? Find(string nameOrPath)
    {
        if (nameOrPath.Contains('/'))
        {
            return IsExecutable(nameOrPath) ? nameOrPath : null;
        }

        foreach (var folder in SearchPath.Split(':'))
        {
            var candidate = Path.Combine(folder, nameOrPath);
            if (IsExecutable(candidate))
            {
                return candidate;
            }
        }

        return null;
    }

    private static bool IsExecutable(string path) =>
        File.Exists(path) && (File.GetUnixFileMode(path) & (UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)) != 0;
}
