using System.Text.Json.Nodes;

namespace Berth.Tests.Support;

/// <summary>Versions of a vendor's plugin, made of the built <c>oci</c> plugin: another id, a version, a handler of runc.</summary>
public sealed class HotPlugin(string folder, string id)
{
    /// <summary>Where it is installed.</summary>
    public string Folder { get; } = Path.Combine(folder, id);

    /// <summary>Installs a version as packages do: copied beside, then renamed into place.</summary>
    public void Install(string version, int[]? stateVersions = null, Action<JsonObject>? manifest = null, Action<string>? content = null, string isolation = "in-process")
    {
        var fresh = Path.Combine(folder, $".{id}-{Guid.NewGuid():N}");
        Write(fresh, version, stateVersions, json => Change(json, isolation, manifest), content);
        Remove();
        Directory.Move(fresh, Folder);
    }

    /// <summary>Writes a version's folder anywhere.</summary>
    public void Write(string fresh, string version, int[]? stateVersions = null, Action<JsonObject>? manifest = null, Action<string>? content = null)
    {
        Directory.CreateDirectory(fresh);
        foreach (var file in Directory.GetFiles(Path.Combine(Repository.Plugins, "oci")))
        {
            File.Copy(file, Path.Combine(fresh, Path.GetFileName(file)));
        }

        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(fresh, "plugin.json")))!.AsObject();
        (json["id"], json["version"]) = (id, version);
        json["handlers"] = new JsonObject { [id] = new JsonObject { ["options"] = new JsonObject { ["path"] = "runc" } } };
        json["stateVersions"] = new JsonArray([.. (stateVersions ?? [1]).Select(static v => JsonValue.Create(v))]);
        manifest?.Invoke(json);
        File.WriteAllText(Path.Combine(fresh, "plugin.json"), json.ToJsonString());
        content?.Invoke(fresh);
    }

    // A vendor's plugin says nothing and runs in a process of its own.
    private static void Change(JsonObject json, string isolation, Action<JsonObject>? manifest)
    {
        json.Remove("isolation");
        if (isolation != "process")
        {
            json["isolation"] = isolation;
        }

        manifest?.Invoke(json);
    }

    /// <summary>Takes the folder away in one step.</summary>
    public void Remove()
    {
        if (Directory.Exists(Folder))
        {
            var old = Path.Combine(folder, $".old-{Guid.NewGuid():N}");
            Directory.Move(Folder, old);
            Directory.Delete(old, recursive: true);
        }
    }
}
