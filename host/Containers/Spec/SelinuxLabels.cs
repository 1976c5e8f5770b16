using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Berth.Containers.Spec;

/// <summary>
/// The SELinux labels of a container: of its processes, and of the files that are its own. What the request leaves out comes from the
/// policy, and two categories that only this pod has keep it from the files of others. Without SELinux there are no labels, whatever
/// is asked: charts ask for them wherever they are installed, and other runtimes pass over it as well.
/// </summary>
/// <param name="Process">user:role:type:level.</param>
/// <param name="Mount">The same, of files.</param>
public sealed record SelinuxLabels(string Process, string Mount)
{
    private const int Categories = 1024;

    /// <summary>The labels; null if there are none.</summary>
    public static SelinuxLabels? Of(SecurityContext security, HostFacts host, string sandboxId)
    {
        var asked = security.Selinux ?? new("", "", "", "");
        var nothing = asked is { User: "", Role: "", Type: "", Level: "" };
        if (host.Selinux is not { } policy || (security.Privileged && nothing))
        {
            return null;
        }

        var (process, file) = (Parts(policy.Process), Parts(policy.File));
        var level = asked.Level.Length > 0 ? asked.Level : $"s0:{Pair(sandboxId)}";
        return new(
            string.Join(':', Or(asked.User, process[0]), Or(asked.Role, process[1]), Or(asked.Type, process[2]), level),
            string.Join(':', Or(asked.User, file[0]), file[1], file[2], level));
    }

    // Drawn by the id, so that it is the same after a restart and for every container of the pod.
    private static string Pair(string sandboxId)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(sandboxId));
        var (first, step) = (BitConverter.ToUInt16(hash, 0) % Categories, 1 + (BitConverter.ToUInt16(hash, 2) % (Categories - 1)));
        var second = (first + step) % Categories;
        return string.Create(CultureInfo.InvariantCulture, $"c{Math.Min(first, second)},c{Math.Max(first, second)}");
    }

    private static string Or(string asked, string policy) => asked.Length > 0 ? asked : policy;

    private static string[] Parts(string context) => context.Split(':', 4);
}

/// <summary>What the loaded policy gives containers; see lxc_contexts(5).</summary>
/// <param name="Process">user:role:type:level.</param>
/// <param name="File">The same, of files.</param>
public sealed record SelinuxPolicy(string Process, string File)
{
    private static SelinuxPolicy Usual { get; } = new("system_u:system_r:container_t:s0", "system_u:object_r:container_file_t:s0");

    /// <summary>Reads it from a policy's folder beneath /etc/selinux; what is not there is as most policies have it.</summary>
    public static SelinuxPolicy Read(string etc)
    {
        var type = Values(Path.Combine(etc, "config")).GetValueOrDefault("SELINUXTYPE", "targeted");
        var contexts = Values(Path.Combine(etc, type, "contexts", "lxc_contexts"));
        return new(Context(contexts, "process", Usual.Process), Context(contexts, "file", Usual.File));
    }

    private static string Context(Dictionary<string, string> contexts, string key, string usual) =>
        contexts.TryGetValue(key, out var context) && context.Count(static c => c == ':') >= 3 ? context : usual;

    private static Dictionary<string, string> Values(string path) => !System.IO.File.Exists(path) ? [] : System.IO.File.ReadLines(path)
        .Select(static l => l.Split('=', 2, StringSplitOptions.TrimEntries)).Where(static p => p.Length == 2 && !p[0].StartsWith('#'))
        .GroupBy(static p => p[0]).ToDictionary(static g => g.Key, static g => g.Last()[1].Trim('"'));
}
