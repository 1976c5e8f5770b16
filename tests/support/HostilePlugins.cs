using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Tests.Support;

/// <summary>Plugin folders that misbehave, see tests/hostile.</summary>
public static class HostilePlugins
{
    /// <summary>Writes the folder of a plugin with a handler for each deed, of the deed's name.</summary>
    public static void Write(string folder, string id, IEnumerable<string> deeds) => Write(folder, id, deeds.ToDictionary(static d => d));

    /// <summary>Writes the folder of a plugin whose handlers do what is named; of unknown origin, and without a word on isolation unless given.</summary>
    public static void Write(string folder, string id, IReadOnlyDictionary<string, string> deeds, string version = "1.0.0", string? isolation = null, Action<string>? content = null)
    {
        var target = Directory.CreateDirectory(Path.Combine(folder, $".{id}-{Guid.NewGuid():N}")).FullName;
        foreach (var file in Directory.GetFiles(Path.Combine(Repository.Root, "artifacts/test-plugins/hostile")))
        {
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
        }

        var manifest = new JsonObject
        {
            ["id"] = id,
            ["version"] = version,
            ["contract"] = new JsonObject { ["min"] = "1.0", ["max"] = "1.0" },
            ["assembly"] = "Hostile.dll",
            ["handlers"] = new JsonObject(deeds.Select(static d => KeyValuePair.Create(d.Key, JsonSerializer.SerializeToNode(new { options = new { does = d.Value } })))),
        };
        if (isolation is not null)
        {
            manifest["isolation"] = isolation;
        }

        File.WriteAllText(Path.Combine(target, "plugin.json"), manifest.ToJsonString());
        content?.Invoke(target);
        var place = Path.Combine(folder, id);
        if (Directory.Exists(place))
        {
            Directory.Delete(place, recursive: true);
        }

        Directory.Move(target, place);
    }
}
