using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Sandboxes;

/// <summary>
/// Whether a RunPodSandbox is the retry of another: the same pod and attempt, asked for in the same way. Labels, annotations and sizes
/// may change while a pod lives, and a kubelet that tries again sends those of now.
/// </summary>
internal static class SameRequest
{
    /// <exception cref="RuntimeException">AlreadyExists: the pod was asked for in another way.</exception>
    internal static void Demand(Sandbox earlier, PodSandboxSpec spec, string runtimeHandler)
    {
        if (earlier.RequestedHandler != runtimeHandler)
        {
            throw Different(earlier, $"the runtime handler \"{earlier.RequestedHandler}\", not \"{runtimeHandler}\"");
        }

        if (Text(earlier.Spec) != Text(spec))
        {
            throw Different(earlier, "another configuration");
        }
    }

    private static RuntimeException Different(Sandbox earlier, string what) => new(
        RuntimeErrorCode.AlreadyExists,
        $"sandbox {earlier.Id} of pod {earlier.Spec.Namespace}/{earlier.Spec.Name} attempt {earlier.Spec.Attempt} exists, and was asked for with {what}: use the next attempt");

    private static string Text(PodSandboxSpec spec)
    {
        var lasting = spec with
        {
            Labels = new Dictionary<string, string>(),
            Annotations = new Dictionary<string, string>(),
            Sysctls = new SortedDictionary<string, string>(spec.Sysctls.ToDictionary(), StringComparer.Ordinal),
            Resources = null,
            Overhead = null,
        };
        return JsonSerializer.Serialize(lasting, SandboxJson.Default.PodSandboxSpec);
    }
}
