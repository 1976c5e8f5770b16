using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Berth.Configuration;

namespace Berth.Plugins;

/// <summary>
/// Which of the matching pods a rule takes. The draw is by the rule's name and the pod's uid: the same for every attempt of a
/// pod and on every start, independent between rules, and a share that grows keeps the pods that it had.
/// </summary>
internal static class RuleShare
{
    public static string? Mismatch(SelectionRule rule, PodFacts pod)
    {
        if (rule.Share is not { } share || share == 100)
        {
            return null;
        }

        if (pod.Uid.Length == 0)
        {
            return $"takes {share} % of the matching pods by their uid; this one has none yet, and counts as one of the others";
        }

        return Draw(rule.Name, pod.Uid) < share ? null : $"takes {share} % of the matching pods by their uid, and this is one of the others";
    }

    // From 0 to 99.
    private static int Draw(string rule, string uid) =>
        (int)(BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes($"{rule}\n{uid}"))) % 100);
}
