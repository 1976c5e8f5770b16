using System.Text.Json;
using Berth.Containers.Spec;

namespace Berth.Containers.Checkpoints;

/// <summary>
/// Whether a container can go on from a checkpoint. CRIU puts each mount of the checkpoint back, from where the container's own
/// config.json has it, and makes no others: so both must have the same, and none comes from the checkpoint.
/// </summary>
internal static class RestoreChecks
{
    public static IEnumerable<OciMount> Binds(OciSpec spec) =>
        spec.Mounts.Where(static m => IsBind(m.Type, m.Options));

    /// <summary>Of the config.json of a checkpoint, which any tool may have written: where something is bound, and whether there is a terminal.</summary>
    /// <exception cref="JsonException">It is no config.json.</exception>
    public static (HashSet<string> Binds, bool Terminal) Read(byte[] content)
    {
        try
        {
            using var json = JsonDocument.Parse(content);
            var mounts = json.RootElement.TryGetProperty("mounts", out var all) ? all.EnumerateArray() : default;
            var terminal = json.RootElement.TryGetProperty("process", out var process) && process.TryGetProperty("terminal", out var flag) && flag.ValueKind == JsonValueKind.True;
            return ([.. mounts.Where(static m => IsBind(Text(m, "type"), Options(m))).Select(static m => Text(m, "destination").TrimEnd('/'))], terminal);
        }
        catch (InvalidOperationException e)
        {
            throw new JsonException(e.Message, e);
        }
    }

    private static bool IsBind(string type, IEnumerable<string> options) => type == "bind" || options.Any(static o => o is "bind" or "rbind");

    private static string Text(JsonElement mount, string name) => mount.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";

    private static IEnumerable<string> Options(JsonElement mount) =>
        mount.TryGetProperty("options", out var options) && options.ValueKind == JsonValueKind.Array ? options.EnumerateArray().Select(static o => o.GetString() ?? "") : [];

    /// <param name="checkpoint">What the container that was had.</param>
    /// <param name="container">The one of the container that is to be.</param>
    /// <param name="name">Its name.</param>
    /// <param name="source">The checkpoint.</param>
    public static void Demand((HashSet<string> Binds, bool Terminal) checkpoint, OciSpec container, string name, string source)
    {
        var (had, has) = (checkpoint.Binds, Binds(container).Select(static m => m.Destination.TrimEnd('/')).ToHashSet(StringComparer.Ordinal));
        if (had.Except(has).Order(StringComparer.Ordinal).ToList() is { Count: > 0 } missing)
        {
            throw CheckpointSources.Wrong(name, source, $"has mounts that the request lacks: {string.Join(", ", missing.Take(20))}; add them to config.mounts");
        }

        if (has.Except(had).Order(StringComparer.Ordinal).ToList() is { Count: > 0 } extra)
        {
            throw CheckpointSources.Wrong(name, source, $"has no mounts at {string.Join(", ", extra.Take(20))}, and processes that run get none; leave them out of config.mounts");
        }

        if (checkpoint.Terminal != container.Process.Terminal)
        {
            throw CheckpointSources.Wrong(name, source, checkpoint.Terminal ? "has a terminal, so tty must be true" : "has no terminal, so tty must be false");
        }
    }
}
