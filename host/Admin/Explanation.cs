using System.Text.Json;
using Berth.Abstractions;
using Berth.Admin.Protos;
using Berth.Configuration;
using Berth.Images;
using Berth.Plugins;

namespace Berth.Admin;

/// <summary>What would become of a manifest's pod: the handler that RunPodSandbox would choose, and the images that CreateContainer would refuse.</summary>
internal static class Explanation
{
    /// <param name="manifest">A Pod or a workload.</param>
    /// <param name="runtimeHandler">What the pod's RuntimeClass names; empty takes the class's own name.</param>
    /// <param name="selection">The configuration.</param>
    /// <param name="handlers">The handlers, each with why it is not ready; empty if it is.</param>
    public static ExplainResponse Of(
        JsonElement manifest, string runtimeHandler, SelectionOptions selection, IReadOnlyDictionary<string, string> handlers)
    {
        var facts = PodManifest.ToFacts(manifest, runtimeHandler);
        var decision = HandlerSelector.Select(facts, selection, handlers);
        var answer = AdminMapping.ToResponse(decision);
        foreach (var (container, image) in PodManifest.Images(manifest))
        {
            string[] names = [image, .. ImageReference.TryParse(image) is { } reference ? [reference.Name] : Array.Empty<string>()];
            if (HandlerSelector.DenyImage(facts, names, selection) is { } reason)
            {
                answer.Steps.Add(new ExplainStep { Rule = $"image of container {container}", Matched = true, Detail = reason });
                if (decision.Refusal is null && !answer.Denied)
                {
                    answer.Denied = true;
                    answer.Refusal = nameof(RuntimeErrorCode.PermissionDenied);
                    answer.Reason = $"{answer.Reason}; but container {container} cannot be created: {reason}";
                }
            }
        }

        return answer;
    }
}
