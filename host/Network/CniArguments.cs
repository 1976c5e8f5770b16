using System.Buffers;
using Berth.Abstractions;

namespace Berth.Network;

/// <summary>CNI_ARGS: pairs of the form <c>K=V</c>, joined by ';' with no way to escape either.</summary>
internal static class CniArguments
{
    private static readonly SearchValues<char> Separators = SearchValues.Create(";=\0\n");

    /// <summary>Refuses a pod whose names would be read as other arguments.</summary>
    public static void Check(CniRequest request)
    {
        if (!AreValid(request))
        {
            throw RuntimeException.InvalidArgument(
                $"pod '{request.PodNamespace}/{request.PodName}' (uid '{request.PodUid}'): its name, namespace and uid must hold no ';', '=', NUL or newline, for CNI plugins would read them as other arguments");
        }
    }

    public static bool AreValid(CniRequest request) =>
        !new[] { request.PodName, request.PodNamespace, request.PodUid, request.SandboxId }.Any(static v => v.AsSpan().ContainsAny(Separators));

    public static string Build(CniRequest request) =>
        $"IgnoreUnknown=1;K8S_POD_NAMESPACE={request.PodNamespace};K8S_POD_NAME={request.PodName};"
        + $"K8S_POD_INFRA_CONTAINER_ID={request.SandboxId};K8S_POD_UID={request.PodUid}";
}
