using System.Globalization;
using Berth.Linux;

namespace Berth.Plugins.ShimV2;

/// <summary>
/// Starts a program within a cgroup: before it is the program, the process moves itself. So nothing that it starts is ever
/// elsewhere, and a gateway that is killed at any moment finds all of it there.
/// </summary>
internal static class InCgroup
{
    // 0 is the writer itself; see cgroups(7).
    private const string EnterAndRun = "n=$1; shift; while [ $n -gt 0 ]; do echo 0 > \"$1\" || exit 125; shift; n=$((n-1)); done; exec \"$@\"";

    /// <summary>The same command, begun in the cgroup, in every hierarchy that has it.</summary>
    public static Command Wrap(Command command, Cgroups cgroups, string path)
    {
        List<string> folders = [.. cgroups.Layout.Hierarchies.Select(h => h.Folder(path)).Where(Directory.Exists)];
        return command with
        {
            Path = "/bin/sh",
            Arguments =
            [
                "-c", EnterAndRun, "sh", folders.Count.ToString(CultureInfo.InvariantCulture), .. folders.Select(static f => $"{f}/cgroup.procs"),
                command.Path, .. command.Arguments,
            ],
        };
    }
}
