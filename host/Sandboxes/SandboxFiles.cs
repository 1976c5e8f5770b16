using System.Text;
using Berth.Abstractions;
using Berth.Containers;
using Berth.Linux;

namespace Berth.Sandboxes;

/// <summary>The files of a pod that its containers get by bind mount: hosts, hostname, resolv.conf and /dev/shm.</summary>
public sealed class SandboxFiles(SandboxPaths paths)
{
    private const long ShmBytes = 64L * 1024 * 1024;

    /// <summary>Makes the folders, the hostname, resolv.conf and shm. Hosts comes with the addresses.</summary>
    public void Create(Sandbox sandbox)
    {
        var id = sandbox.Id;
        Directory.CreateDirectory(paths.Folder(id));
        foreach (var folder in (string[])[paths.Namespaces(id), paths.Bundle(id), paths.Private(id)])
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        File.WriteAllText(paths.Hostname(id), sandbox.Hostname + "\n");
        WriteResolvConf(sandbox);
        Give(sandbox, paths.Hostname(id), paths.ResolvConf(id));
        if (sandbox.Spec.Namespaces.Ipc != NamespaceMode.Node)
        {
            Directory.CreateDirectory(paths.Shm(id));
            Mounts.Tmpfs(paths.Shm(id), ShmBytes, "1777");
        }

        if (sandbox.Spec.LogDirectory is { Length: > 0 } logs)
        {
            Directory.CreateDirectory(logs);
        }
    }

    /// <summary>Writes /etc/hosts once the addresses are known; host network pods get a copy of the host's.</summary>
    public void WriteHosts(Sandbox sandbox)
    {
        WriteHostsFile(sandbox);
        Give(sandbox, paths.Hosts(sandbox.Id));
    }

    private void WriteHostsFile(Sandbox sandbox)
    {
        if (sandbox.Spec.Namespaces.Network == NamespaceMode.Node)
        {
            File.Copy("/etc/hosts", paths.Hosts(sandbox.Id), overwrite: true);
            return;
        }

        var text = new StringBuilder("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n");
        // As hosts(5) and kubelets have it: the full name, then the short one.
        var dot = sandbox.Hostname.IndexOf('.');
        var names = dot > 0 ? $"{sandbox.Hostname}\t{sandbox.Hostname[..dot]}" : sandbox.Hostname;
        foreach (var ip in sandbox.Ips)
        {
            text.Append(ip).Append('\t').Append(names).Append('\n');
        }

        File.WriteAllText(paths.Hosts(sandbox.Id), text.ToString());
    }

    /// <summary>Removes all of it; what is gone is success.</summary>
    public void Remove(string id)
    {
        var folder = paths.Folder(id);
        if (!Directory.Exists(folder))
        {
            return;
        }

        MountTable.UnmountBeneath(folder);
        Directory.Delete(folder, recursive: true);
    }

    // To the root of a user namespace the files of the host's root are nobody's, and not to be written.
    private static void Give(Sandbox sandbox, params ReadOnlySpan<string> files)
    {
        if (sandbox.Spec.Namespaces.User is not { Mode: NamespaceMode.Pod, Uids: [var uids], Gids: [var gids] })
        {
            return;
        }

        foreach (var path in files)
        {
            using var file = SafeFd.OpenRead(path);
            FilesAt.SetOwner(file, [], uids.HostId, gids.HostId);
        }
    }

    private void WriteResolvConf(Sandbox sandbox)
    {
        var target = paths.ResolvConf(sandbox.Id);
        if (sandbox.Spec.Dns is not { } dns)
        {
            File.Copy("/etc/resolv.conf", target, overwrite: true);
            return;
        }

        var text = new StringBuilder();
        if (dns.Searches.Count > 0)
        {
            text.Append("search ").AppendJoin(' ', dns.Searches).Append('\n');
        }

        foreach (var server in dns.Servers)
        {
            text.Append("nameserver ").Append(server).Append('\n');
        }

        if (dns.Options.Count > 0)
        {
            text.Append("options ").AppendJoin(' ', dns.Options).Append('\n');
        }

        File.WriteAllText(target, text.ToString());
    }

    /// <summary>Refuses what could add a line of its own to a file.</summary>
    public static void Validate(PodSandboxSpec spec)
    {
        IEnumerable<string> values = [spec.Hostname, .. spec.Dns?.Servers ?? [], .. spec.Dns?.Searches ?? [], .. spec.Dns?.Options ?? []];
        foreach (var value in values)
        {
            if (value.Any(static c => char.IsControl(c)))
            {
                throw RuntimeException.InvalidArgument($"pod {spec.Namespace}/{spec.Name}: hostname and DNS values must not hold control characters");
            }
        }

        // sethostname(2): HOST_NAME_MAX is 64.
        if (Encoding.UTF8.GetByteCount(spec.Hostname) > 64)
        {
            throw RuntimeException.InvalidArgument($"pod {spec.Namespace}/{spec.Name}: hostname is longer than 64 bytes");
        }
    }
}
