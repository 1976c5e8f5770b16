using Berth.Abstractions;
using Berth.Containers;
using Berth.Linux;

namespace Berth.Sandboxes;

/// <summary>The pod's namespaces, made by a thread and pinned by bind mounts; no process holds them.</summary>
public sealed class SandboxNamespaces(SandboxPaths paths)
{
    /// <summary>Makes those that the pod does not share with the host; the paths by OCI type.</summary>
    /// <param name="sandbox">Its folders exist.</param>
    /// <param name="ownNetwork">Whether the gateway makes the network namespace.</param>
    /// <param name="sysctls">By path beneath /proc/sys.</param>
    public async Task<IReadOnlyDictionary<string, string>> CreateAsync(Sandbox sandbox, bool ownNetwork, IReadOnlyList<KeyValuePair<string, string>> sysctls)
    {
        var modes = sandbox.Spec.Namespaces;
        var pod = new Dictionary<string, string>();
        if (modes.User is { Mode: NamespaceMode.Pod })
        {
            pod["user"] = PinFile(sandbox.Id, "user");
        }

        if (ownNetwork && modes.Network != NamespaceMode.Node)
        {
            pod["network"] = PinFile(sandbox.Id, "net");
        }

        // With the host's network the host's name is the pod's.
        if (modes.Network != NamespaceMode.Node)
        {
            pod["uts"] = PinFile(sandbox.Id, "uts");
        }

        if (modes.Ipc != NamespaceMode.Node)
        {
            pod["ipc"] = PinFile(sandbox.Id, "ipc");
        }

        if (pod.Count > 0)
        {
            await MakeAsync(sandbox, new NamespacePins
            {
                User = PodUsers.Of(modes, pod),
                Network = pod.GetValueOrDefault("network"),
                Ipc = pod.GetValueOrDefault("ipc"),
                Uts = pod.GetValueOrDefault("uts"),
                Hostname = sandbox.Hostname,
                // Without a network namespace of the pod's here, these would change the host's.
                Sysctls = [.. sysctls.Where(s => pod.ContainsKey("network") || !s.Key.StartsWith("net/", StringComparison.Ordinal))],
            });
        }

        return pod;
    }

    /// <summary>Whether the pod's network namespace, if it has one, is pinned here.</summary>
    public bool HoldNetworkOf(Sandbox sandbox) => sandbox.NamespacePaths.GetValueOrDefault("network") is not { } path || path == paths.Namespace(sandbox.Id, "net");

    private static async Task MakeAsync(Sandbox sandbox, NamespacePins pins)
    {
        try
        {
            if (pins.User is null)
            {
                Namespaces.Create(pins);
            }
            else
            {
                await UserNamespaces.CreateAsync(pins, CancellationToken.None);
            }
        }
        catch (SysctlException e)
        {
            var help = e.IsUnknown
                ? "this kernel does not have it for a namespace of its own: load its module, or leave it out"
                : "the kernel does not take the value: give one within its range";
            throw new RuntimeException(RuntimeErrorCode.InvalidArgument, $"pod {sandbox.Spec.Namespace}/{sandbox.Spec.Name}: {e.Message}; {help}", e);
        }
    }

    /// <summary>Lets the namespaces go; they end with their last process.</summary>
    public void Remove(string id)
    {
        foreach (var type in (string[])["net", "ipc", "uts", "user"])
        {
            var pin = paths.Namespace(id, type);
            Mounts.Unmount(pin);
            // After a reboot not even the folder is there.
            if (File.Exists(pin))
            {
                File.Delete(pin);
            }
        }
    }

    private string PinFile(string id, string type)
    {
        var path = paths.Namespace(id, type);
        File.Create(path).Dispose();
        return path;
    }
}
