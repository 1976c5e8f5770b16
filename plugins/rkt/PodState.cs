using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>A pod's state in rkt's words: its phase, and whether its lock is held.</summary>
internal static class PodState
{
    public static string Of(PodFolder pod) => (pod.Phase, FileLock.IsHeld(pod.Path)) switch
    {
        (Phase.Embryo, _) => "embryo",
        (Phase.Prepare, true) => "preparing",
        (Phase.Prepare, false) => "aborted prepare",
        (Phase.Prepared, _) => "prepared",
        (Phase.Run, true) => "running",
        (Phase.Run, false) => IsFly(pod) ? "running" : "exited",
        (Phase.ExitedGarbage, _) => "deleting",
        _ => "garbage",
    };

    /// <summary>Whether there is no machine to it.</summary>
    public static bool IsFly(PodFolder pod) => RktJson.ReadFile<PodManifest>(pod.Manifest)?.Flavour == Flavour.Fly;
}
