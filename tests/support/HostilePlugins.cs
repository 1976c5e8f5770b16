using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Tests.Support;

/// <summary>Plugin folders that misbehave, see tests/hostile.</summary>
public static class HostilePlugins
{
    /// <summary>Writes the folder of a plugin with a handler for each deed, of the deed's name.</summary>
    public static void Write(string folder, string id, IEnumerable<string> deeds)
    {
        var target = Directory.CreateDirectory(Path.Combine(folder, id)).FullName;
        foreach (var file in Directory.GetFiles(Path.Combine(Repository.Root, "artifacts/test-plugins/hostile")))
        {
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
        }

        // Of unknown origin, and without a word on isolation.
        var manifest = new JsonObject
        {
            ["id"] = id,
            ["version"] = "1.0.0",
            ["contract"] = new JsonObject { ["min"] = "1.0", ["max"] = "1.0" },
            ["assembly"] = "Hostile.dll",
            ["handlers"] = new JsonObject(deeds.Select(static d => KeyValuePair.Create(d, JsonSerializer.SerializeToNode(new { options = new { does = d } })))),
        };
        File.WriteAllText(Path.Combine(target, "plugin.json"), manifest.ToJsonString());
    }
}
