using System.Globalization;
using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>Where a pod's apps live: in a machine, or (fly) on the host itself.</summary>
/// <param name="Pod">The pod.</param>
/// <param name="Manifest">What it is.</param>
/// <param name="Leader">The machine's first process as the host counts; 0 for fly.</param>
internal sealed record Stage1(PodFolder Pod, PodManifest Manifest, int Leader)
{
    /// <summary>How many PID namespaces lie between the host and stage 1.</summary>
    public int Depth => Leader > 0 ? 1 : 0;

    /// <summary>A path beneath the machine's root as it is seen in there.</summary>
    public string Seen(string hostPath) => Leader > 0 ? hostPath[Pod.Rootfs.Length..] : hostPath;

    /// <summary>A command that runs in stage 1, with all rights: it is what sets up an app.</summary>
    public Command Enter(Programs programs, string path, IReadOnlyList<string> arguments) => Leader > 0
        ? new()
        {
            Path = programs.Nsenter,
            Arguments =
            [
                "--target", Leader.ToString(CultureInfo.InvariantCulture), "--mount", "--pid", "--net", "--ipc", "--uts", "--", path, .. arguments,
            ],
        }
        : new() { Path = path, Arguments = arguments };
}
