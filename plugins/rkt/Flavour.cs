using Berth.Abstractions;

namespace Berth.Plugins.Rkt;

/// <summary>How much stands between a pod and the host.</summary>
internal enum Flavour
{
    /// <summary>A machine of systemd-nspawn with the host's programs in it, as rkt's stage1-host.</summary>
    Host,

    /// <summary>Nothing: each app has a root of its own, and the host's processes, network and devices.</summary>
    Fly,
}

/// <summary>Reads a pod's flavour from its annotations.</summary>
internal static class Flavours
{
    public const string Key = "rkt.berth.dev/flavour";

    // What the kubelet's own rkt runtime took, with the names of rkt's stage 1 images.
    private const string HistoricalKey = "rkt.alpha.kubernetes.io/stage1-name-override";

    public static Flavour Of(PrepareSandboxRequest request)
    {
        var (key, asked) = request.Annotations.TryGetValue(Key, out var own) ? (Key, own)
            : request.Annotations.TryGetValue(HistoricalKey, out var old) ? (HistoricalKey, old)
            : (Key, "host");
        var flavour = asked.Split(':')[0] switch
        {
            "host" or "coreos" or "coreos.com/rkt/stage1-host" or "coreos.com/rkt/stage1-coreos" => Flavour.Host,
            "fly" or "coreos.com/rkt/stage1-fly" => Flavour.Fly,
            _ => throw RuntimeException.InvalidArgument(
                $"pod {request.Pod.Namespace}/{request.Pod.Name}: annotation {key} asks for '{asked}'; the rkt handler has host and fly (a VM per pod is the handlers clear-containers and runv)"),
        };
        if (flavour == Flavour.Fly)
        {
            DemandNothingToProtect(request);
        }

        return flavour;
    }

    private static void DemandNothingToProtect(PrepareSandboxRequest request)
    {
        var fault = !request.Privileged ? "a privileged pod, as it isolates nothing"
            : request.NamespacePaths.ContainsKey("network") ? "hostNetwork, as its apps have no network but the host's"
            : null;
        if (fault is not null)
        {
            throw RuntimeException.InvalidArgument($"pod {request.Pod.Namespace}/{request.Pod.Name}: flavour fly needs {fault}");
        }
    }
}
