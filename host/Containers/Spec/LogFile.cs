using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>Where a container's log goes.</summary>
public static class LogFile
{
    /// <summary>The absolute path, beneath the pod's log directory; empty if the pod or the container wants none.</summary>
    public static string Resolve(string logDirectory, string logPath)
    {
        if (logDirectory.Length == 0 || logPath.Length == 0)
        {
            return "";
        }

        CheckRelative(logPath);
        var folder = ContainerPath.Normalize(logDirectory, "the pod's log_directory");
        return ContainerPath.Normalize($"{folder}/{logPath}", "the container's log_path");
    }

    internal static void CheckRelative(string logPath)
    {
        if (logPath.StartsWith('/') || logPath.Split('/').Contains("..") || logPath.EndsWith('/') || Path.GetFileName(logPath) == "." || logPath.Any(char.IsControl))
        {
            throw RuntimeException.InvalidArgument(
                $"the container's log_path \"{logPath}\" must be a file's path beneath the pod's log_directory: relative, without \"..\"");
        }
    }
}
