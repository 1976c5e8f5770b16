using System.Globalization;
using Berth.Abstractions;

namespace Berth.Plugins.Docker;

/// <summary>Names that people read in <c>docker ps</c>, in the form that the kubelet's own Docker runtime gave them.</summary>
internal static class PodNames
{
    private const int LongestPart = 64;

    public static string Holder(PodIdentity pod) => Of("POD", pod, pod.Attempt);

    public static string Container(string name, PodIdentity pod, uint attempt) => Of(name, pod, attempt);

    private static string Of(string name, PodIdentity pod, uint attempt) =>
        string.Join('_', ["k8s", Clean(name), Clean(pod.Name), Clean(pod.Namespace), Clean(pod.Uid), attempt.ToString(CultureInfo.InvariantCulture)]);

    // The Engine takes [a-zA-Z0-9][a-zA-Z0-9_.-]*; the underscore separates here.
    private static string Clean(string part)
    {
        var cut = part.Length > LongestPart ? part[..LongestPart] : part;
        return string.Concat(cut.Select(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' ? c : '-'));
    }
}
