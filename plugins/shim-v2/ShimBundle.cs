using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Abstractions;

namespace Berth.Plugins.ShimV2;

/// <summary>
/// Writes the bundle for a shim: the gateway's config.json with the annotations by which shims know which containers are one pod,
/// in a folder of the plugin's own that is named by the container's id, as shims look for it, and take their own files to.
/// </summary>
internal static class ShimBundle
{
    private const string Prefix = "io.kubernetes.cri.";

    /// <summary>Writes it and returns the container's cgroup beneath the root of each hierarchy; null if the bundle names none.</summary>
    /// <param name="source">The gateway's bundle; null for a sandbox without a container, where the annotations are all that is read.</param>
    /// <param name="files">Where it goes.</param>
    /// <param name="sandbox">The sandbox.</param>
    /// <param name="container">The container; null for the sandbox's own.</param>
    /// <exception cref="RuntimeException">The gateway's bundle cannot be read.</exception>
    public static string? Write(string? source, ContainerFiles files, PrepareSandboxRequest sandbox, CreateContainerRequest? container)
    {
        try
        {
            var config = source is null
                ? new() { ["ociVersion"] = "1.0.2" }
                : JsonNode.Parse(File.ReadAllBytes(Path.Combine(source, "config.json")))!.AsObject();
            var cgroup = CgroupOf((string?)config["linux"]?["cgroupsPath"], sandbox.Cgroup.Path);
            var annotations = config["annotations"]?.AsObject() ?? [];
            foreach (var (name, value) in Annotations(sandbox, container))
            {
                annotations[Prefix + name] = value;
            }

            config["annotations"] = annotations;
            if ((string?)config["root"]?["path"] is { } root)
            {
                config["root"]!["path"] = Path.GetFullPath(root, source!);
            }

            Directory.CreateDirectory(files.Bundle, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            // Shims mount a root file system here if they are given one, and unmount it whether or not.
            Directory.CreateDirectory(Path.Combine(files.Bundle, "rootfs"));
            File.WriteAllText(Path.Combine(files.Bundle, "config.json"), config.ToJsonString());
            return cgroup;
        }
        catch (Exception e) when (e is IOException or JsonException or InvalidOperationException or UnauthorizedAccessException)
        {
            throw RuntimeException.InvalidArgument($"bundle {source}: config.json cannot be read: {e.Message}");
        }
    }

    // With systemd the path is slice:prefix:name and means the scope prefix-name.scope in the slice.
    private static string? CgroupOf(string? path, string podCgroup) => path?.Split(':') switch
    {
        null or [""] => null,
        [_, var prefix, var name] => $"{podCgroup}/{prefix}-{name}.scope",
        _ => "/" + path.TrimStart('/'),
    };

    private static Dictionary<string, string> Annotations(PrepareSandboxRequest sandbox, CreateContainerRequest? container)
    {
        var annotations = new Dictionary<string, string>
        {
            ["container-type"] = container is null ? "sandbox" : "container",
            ["sandbox-id"] = sandbox.SandboxId,
            ["sandbox-name"] = sandbox.Pod.Name,
            ["sandbox-namespace"] = sandbox.Pod.Namespace,
            ["sandbox-uid"] = sandbox.Pod.Uid,
        };
        if (container is not null)
        {
            annotations["container-name"] = container.Name;
            annotations["image-name"] = container.ImageId;
        }

        return annotations;
    }
}
