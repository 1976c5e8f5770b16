using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Cli.Up;

/// <summary>The configuration of the demo's gateway: the one that Berth comes with, in folders of its own.</summary>
internal static class UpConfiguration
{
    private const string Resource = "plugins.json";

    public static async Task WriteAsync(UpFolders folders, CancellationToken cancellationToken)
    {
        var json = Embedded();
        json["gateway"] = new JsonObject { ["listen"] = "unix://" + folders.Socket, ["root"] = folders.Root, ["state"] = folders.State };
        // They are copies of what the caller has named, so nobody's signature is asked for.
        json["plugins"] = new JsonObject { ["folders"] = new JsonArray(folders.Plugins), ["signatures"] = new JsonObject { ["allowUnsigned"] = true } };
        json["network"]!["confDir"] = folders.CniConfigurations;
        // Never an Engine of this machine's.
        json["handlers"]!["docker"] = new JsonObject { ["plugin"] = "docker", ["options"] = new JsonObject { ["endpoint"] = "unix://" + folders.EngineSocket } };
        // A free port would tell nobody anything, and the usual one may be another gateway's.
        json["metrics"] = new JsonObject { ["listen"] = "" };
        await File.WriteAllTextAsync(folders.Configuration, json.ToJsonString(new() { WriteIndented = true }), cancellationToken);
    }

    private static JsonObject Embedded()
    {
        using var stream = typeof(UpConfiguration).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"the assembly lacks its resource {Resource}");
        var options = new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };
        return JsonNode.Parse(stream, null, options)!.AsObject();
    }
}
