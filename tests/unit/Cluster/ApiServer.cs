using System.Globalization;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Berth.Tests.Unit.Cluster;

/// <summary>
/// A small stand-in of the API server on loopback: RuntimeClasses and nodes with resource versions, preconditions, label
/// selectors and merge patches, as the API's documentation has them.
/// </summary>
internal sealed class ApiServer : IAsyncDisposable
{
    private const string Classes = "/apis/node.k8s.io/v1/runtimeclasses", Nodes = "/api/v1/nodes", EventsRoot = "/apis/events.k8s.io/v1/namespaces/";

    private readonly Lock _gate = new();
    private readonly Dictionary<string, JsonObject> _objects = [];
    private readonly List<string> _log = [];
    private WebApplication? _server;
    private long _version;

    public int Port { get; private set; }

    /// <summary>With it, it speaks TLS.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>The token that it wants; null for none.</summary>
    public string? Token { get; set; }

    /// <summary>Runs before a request is answered: to change something between a client's read and its write.</summary>
    public Action<string, string>? Before { get; set; }

    /// <summary>The writes so far, as method and name.</summary>
    public IReadOnlyList<string> Writes
    {
        get
        {
            lock (_gate)
            {
                return [.. _log];
            }
        }
    }

    public async Task StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, Port, listen =>
        {
            if (Certificate is not null)
            {
                listen.UseHttps(Certificate);
            }
        }));
        _server = builder.Build();
        _server.Run(AnswerAsync);
        await _server.StartAsync();
        Port = new Uri(_server.Urls.Single()).Port;
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
            _server = null;
        }
    }

    /// <summary>A kubeconfig that names it.</summary>
    public string Kubeconfig => $$"""
        apiVersion: v1
        kind: Config
        clusters: [ { name: c, cluster: { server: "http://127.0.0.1:{{Port}}" } } ]
        users: [ { name: u, user: { token: t } } ]
        contexts: [ { name: x, context: { cluster: c, user: u } } ]
        current-context: x
        """;

    public JsonObject? Class(string name) => Get($"{Classes}/{name}");

    /// <summary>All events.</summary>
    public IReadOnlyList<JsonObject> Events
    {
        get
        {
            lock (_gate)
            {
                return [.. _objects.Where(static o => o.Key.StartsWith(EventsRoot, StringComparison.Ordinal)).Select(static o => o.Value.DeepClone().AsObject())];
            }
        }
    }

    /// <summary>A namespace that is gone.</summary>
    public string? Gone { get; set; }

    public JsonObject? Labels(string node) => Get($"{Nodes}/{node}")?["metadata"]?["labels"]?.AsObject();

    public void PutClass(string name, string json) => Put($"{Classes}/{name}", json);

    public void PutNode(string name, string labels) => Put($"{Nodes}/{name}", $$"""{ "kind": "Node", "apiVersion": "v1", "metadata": { "name": "{{name}}", "labels": {{labels}} } }""");

    public void RemoveNode(string name)
    {
        lock (_gate)
        {
            _objects.Remove($"{Nodes}/{name}");
        }
    }

    private JsonObject? Get(string path)
    {
        lock (_gate)
        {
            return _objects.GetValueOrDefault(path)?.DeepClone().AsObject();
        }
    }

    private void Put(string path, string json)
    {
        lock (_gate)
        {
            Store(path, JsonNode.Parse(json)!.AsObject());
        }
    }

    private JsonObject Store(string path, JsonObject item)
    {
        var metadata = item["metadata"]!.AsObject();
        metadata["resourceVersion"] = (++_version).ToString(CultureInfo.InvariantCulture);
        metadata["uid"] ??= $"uid-{_version}";
        return _objects[path] = item;
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var (method, path) = (context.Request.Method, context.Request.Path.Value!);
        if (Token is not null && context.Request.Headers.Authorization != $"Bearer {Token}")
        {
            context.Response.StatusCode = 401;
            return;
        }

        Before?.Invoke(method, path);
        using var reader = new StreamReader(context.Request.Body);
        var body = await reader.ReadToEndAsync();
        int code;
        JsonObject answer;
        lock (_gate)
        {
            (code, answer) = Answer(method, path, context.Request.Query["labelSelector"].ToString(), body.Length == 0 ? null : JsonNode.Parse(body)!.AsObject());
        }

        context.Response.StatusCode = code;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(answer.ToJsonString());
    }

    private (int Code, JsonObject Answer) Answer(string method, string path, string selector, JsonObject? body)
    {
        if (method != "GET")
        {
            _log.Add($"{method} {path[(path.LastIndexOf('/') + 1)..]}");
        }

        var present = _objects.GetValueOrDefault(path);
        return (method, present, path) switch
        {
            ("GET", _, Classes or Nodes) => (200, new() { ["kind"] = "List", ["apiVersion"] = "v1", ["metadata"] = new JsonObject(), ["items"] = Select(path, selector) }),
            ("GET", not null, _) => (200, present.DeepClone().AsObject()),
            (_, _, _) when Gone is not null && path.Contains($"/namespaces/{Gone}/", StringComparison.Ordinal) => Status(404),
            ("POST", _, _) when path.StartsWith(EventsRoot, StringComparison.Ordinal) => Create($"{path}/{body!["metadata"]!["name"]}", body),
            ("PATCH", not null, _) when path.StartsWith(EventsRoot, StringComparison.Ordinal) => (200, Merge(path, present, body!)),
            ("POST", _, Classes) => Create($"{Classes}/{body!["metadata"]!["name"]}", body),
            ("PUT", not null, _) => Same(present, body!["metadata"]?["resourceVersion"]) ? (200, Store(path, body).DeepClone().AsObject()) : Status(409),
            ("DELETE", not null, _) => Delete(path, present, body),
            ("PATCH", not null, _) => (200, Patch(path, present, body!)),
            _ => Status(404),
        };
    }

    private (int Code, JsonObject Answer) Create(string path, JsonObject body) => _objects.ContainsKey(path) ? Status(409) : (201, Store(path, body).DeepClone().AsObject());

    private (int Code, JsonObject Answer) Delete(string path, JsonObject present, JsonObject? options)
    {
        if (options?["preconditions"] is { } wanted && !Same(present, wanted["resourceVersion"]))
        {
            return Status(409);
        }

        _objects.Remove(path);
        return Status(200);
    }

    private JsonObject Patch(string path, JsonObject present, JsonObject patch)
    {
        var labels = present["metadata"]!["labels"]!.AsObject();
        foreach (var (key, value) in patch["metadata"]!["labels"]!.AsObject())
        {
            labels.Remove(key);
            if (value is not null)
            {
                labels[key] = value.DeepClone();
            }
        }

        return Store(path, present).DeepClone().AsObject();
    }

    private JsonObject Merge(string path, JsonObject present, JsonObject patch)
    {
        foreach (var (key, value) in patch)
        {
            present[key] = value?.DeepClone();
        }

        return Store(path, present).DeepClone().AsObject();
    }

    // key or key=value
    private JsonArray Select(string path, string selector)
    {
        var wanted = selector.Split('=');
        bool Fits(JsonObject item) => selector.Length == 0
            || (item["metadata"]!["labels"]?[wanted[0]] is { } value && (wanted.Length == 1 || (string?)value == wanted[1]));
        return [.. _objects.Where(o => o.Key.StartsWith(path + "/", StringComparison.Ordinal) && Fits(o.Value)).Select(static o => o.Value.DeepClone())];
    }

    private static bool Same(JsonObject present, JsonNode? version) => (string?)version == (string?)present["metadata"]!["resourceVersion"];

    private static (int Code, JsonObject Answer) Status(int code) => (code, new() { ["kind"] = "Status", ["apiVersion"] = "v1", ["status"] = code < 300 ? "Success" : "Failure", ["code"] = code });
}
