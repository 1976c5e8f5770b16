using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>What a bundle needs beyond config.json as it is, so that a checkpoint's processes end up in this container and nowhere else.</summary>
internal static class RestoreBundle
{
    // Runtimes hand CRIU the file that this annotation names; without it, the operator's.
    private const string Annotation = "org.criu.config";
    private const string OperatorsFile = "/etc/criu/runc.conf";

    /// <summary>Gets a bundle ready.</summary>
    /// <param name="container">Whose it is.</param>
    /// <param name="cgroup">The container's cgroup.</param>
    /// <returns>Options for the runtime's restore.</returns>
    public static IReadOnlyList<string> Prepare(MonitoredContainer container, string? cgroup)
    {
        var path = Path.Combine(container.Bundle, "config.json");
        try
        {
            var config = JsonNode.Parse(File.ReadAllBytes(path))!.AsObject();
            // On v1 the runtime tells CRIU the cgroups itself. On v2 older ones do not, and CRIU takes those of the checkpoint.
            if (cgroup is not null && CgroupLayout.Detect().Mode == CgroupMode.V2)
            {
                var settings = Path.Combine(container.Files.Folder, "criu.conf");
                var own = File.Exists(OperatorsFile) ? File.ReadAllText(OperatorsFile).TrimEnd() + "\n" : "";
                File.WriteAllText(settings, $"{own}cgroup-root {cgroup}\n");
                if (config["annotations"] is not JsonObject annotations)
                {
                    config["annotations"] = annotations = [];
                }

                annotations[Annotation] = settings;
                File.WriteAllText(path, config.ToJsonString());
            }

            return config["process"]?["apparmorProfile"]?.GetValue<string>() is { Length: > 0 } profile ? [$"--lsm-profile=apparmor:{profile}"] : [];
        }
        catch (Exception e) when (e is IOException or JsonException or InvalidOperationException or UnauthorizedAccessException)
        {
            throw RuntimeException.InvalidArgument($"container {container.Id}: bundle {container.Bundle} cannot be made ready for a restore: {e.Message}");
        }
    }
}
