using System.Text;
using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>What a container runs, and with which environment.</summary>
internal static class ProcessArguments
{
    private const string DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    // MAX_ARG_STRLEN and a common stack's share, see execve(2).
    private const int MaxStringBytes = 128 * 1024;
    private const int MaxTotalBytes = 2 * 1024 * 1024;

    /// <summary>A command replaces the image's entrypoint and drops its arguments; arguments replace the image's.</summary>
    internal static IReadOnlyList<string> Args(ContainerSpec container, ImageDefaults image)
    {
        var command = container.Command.Count > 0 ? container.Command : image.Entrypoint;
        var arguments = container.Args.Count > 0 ? container.Args : container.Command.Count > 0 ? [] : image.Cmd;
        IReadOnlyList<string> all = [.. command, .. arguments];
        return all.Count == 0 || all[0].Length == 0
            ? throw RuntimeException.InvalidArgument(
                $"no command specified for container {container.Name}: the request has none and image {container.Image} neither")
            : all;
    }

    /// <summary>Ours, then the image's, then the request's; a later one replaces an earlier in its place.</summary>
    internal static IReadOnlyList<string> Environment(ContainerSpec container, ImageDefaults image, string hostname)
    {
        string[] ours = [DefaultPath, .. container.Terminal ? (string[])["TERM=xterm"] : [], $"HOSTNAME={hostname}"];
        var requested = container.Environment.Select(static e => $"{CheckName(e.Key)}={e.Value}");
        return Replace([], ours.Concat(image.Env.Select(WithValue)).Concat(requested));
    }

    /// <summary>Adds variables; one that is there gets the new value in its place.</summary>
    internal static IReadOnlyList<string> Replace(IReadOnlyList<string> existing, IEnumerable<string> added)
    {
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        var all = new List<string>();
        foreach (var entry in existing.Concat(added))
        {
            var name = entry[..entry.IndexOf('=')];
            if (places.TryAdd(name, all.Count))
            {
                all.Add(entry);
            }
            else
            {
                all[places[name]] = entry;
            }
        }

        return all;
    }

    internal static void RefuseEmpty(IReadOnlyList<string> command)
    {
        if (command.Count == 0 || command[0].Length == 0)
        {
            throw RuntimeException.InvalidArgument("no command specified: the first word of the command is missing or empty");
        }
    }

    /// <summary>Refuses what execve(2) would, before anything is made.</summary>
    internal static void CheckSizes(IEnumerable<string> strings)
    {
        long total = 0;
        foreach (var text in strings)
        {
            var bytes = Encoding.UTF8.GetByteCount(text) + 1;
            total += bytes + IntPtr.Size;
            if (bytes > MaxStringBytes || total > MaxTotalBytes)
            {
                throw RuntimeException.InvalidArgument(
                    $"command and environment are too long: at most {MaxStringBytes} bytes each and {MaxTotalBytes} together, see execve(2)");
            }

            if (text.Contains('\0'))
            {
                throw RuntimeException.InvalidArgument("command or environment contains a NUL character");
            }
        }
    }

    private static string WithValue(string entry) => entry.Contains('=') ? CheckEntry(entry) : $"{CheckName(entry)}=";

    private static string CheckEntry(string entry)
    {
        CheckName(entry[..entry.IndexOf('=')]);
        return entry;
    }

    private static string CheckName(string name) =>
        name.Length == 0 || name.Contains('=')
            ? throw RuntimeException.InvalidArgument($"\"{name}\" is not a name for an environment variable: it must not be empty nor contain \"=\"")
            : name;
}
