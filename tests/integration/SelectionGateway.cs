using System.Text.Json.Nodes;
using Berth.Tests.Support;
using Berth.Tests.Unit.Cluster;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>A gateway with a rule for everything that rules can say, in a cluster whose API server is a stand-in.</summary>
public sealed class SelectionGateway(Suite suite) : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private Gateway? _gateway;

    public Gateway Gateway => _gateway!;

    internal ApiServer Cluster { get; } = new();

    public async ValueTask InitializeAsync()
    {
        await Cluster.StartAsync();
        Cluster.PutNode("node-1", "{}");
        _gateway = await suite.OwnGatewayAsync(Configure);
    }

    private void Configure(JsonObject settings)
    {
        settings["cluster"] = new JsonObject { ["kubeconfig"] = _folder.File("kubeconfig", Cluster.Kubeconfig), ["node"] = "node-1" };

        // A second handler on the same runtime is there on every machine.
        settings["handlers"] = new JsonObject
        {
            ["other"] = new JsonObject { ["plugin"] = "oci", ["options"] = new JsonObject { ["path"] = "runc" }, ["annotations"] = new JsonArray("team/flavour") },
            ["lame"] = new JsonObject { ["plugin"] = "oci", ["options"] = new JsonObject { ["path"] = "/no/such/runtime" } },
            ["web-next"] = new JsonObject { ["plugin"] = "web-next" },
            ["absent"] = new JsonObject { ["plugin"] = "oci", ["options"] = new JsonObject { ["path"] = "/no/such/runtime" } },
        };
        settings["selection"] = JsonNode.Parse("""
            {
              "default": "runc",
              "annotations": { "handlers": ["other"], "namespaces": ["tests"], "mapped": [ { "key": "io.kubernetes.cri-o.TrustedSandbox", "value": "false", "use": "other" } ] },
              "fallback": { "lame": ["other"] },
              "rules": [
                { "name": "no-strangers", "when": { "labels": { "origin": "unknown" } }, "deny": "its origin is unknown" },
                { "name": "banned-images", "when": { "images": ["*/forbidden*"] }, "deny": "this image is banned" },
                { "name": "banned-for-privileged", "when": { "images": ["*"], "privileged": true }, "deny": "privileged pods run no images here" },
                { "name": "canary", "when": { "labels": { "canary": "yes" } }, "use": "other", "share": 50 },
                { "name": "web-canary", "when": { "labels": { "app": "web" } }, "use": "web-next", "share": 5, "enforce": true },
                { "name": "guarded", "when": { "labels": { "guard": "yes" } }, "use": "other", "enforce": true },
                { "name": "batch", "when": { "labels": { "kind": "batch*" } }, "use": "other" }
              ]
            }
            """);
    }

    public async ValueTask DisposeAsync()
    {
        await (_gateway?.DisposeAsync() ?? ValueTask.CompletedTask);
        await Cluster.DisposeAsync();
        _folder.Dispose();
    }
}
