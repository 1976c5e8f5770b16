using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Plugins.Docker;

/// <summary>The options of a handler, as plugins.json and the manifest give them.</summary>
internal sealed record DockerOptions
{
    private const string Scheme = "unix://";

    // sockaddr_un(7): 108 bytes with the NUL.
    private const int LongestSocket = 107;

    /// <summary>The Engine's socket, <c>unix://</c> and an absolute path.</summary>
    public string Endpoint { get; init; } = "unix:///var/run/docker.sock";

    /// <summary>A static init that only waits and reaps (<c>-P</c>), for the container that holds a pod: a path, or a name that is looked up.</summary>
    public string Init { get; init; } = "catatonit";

    public string SocketPath => Endpoint[Scheme.Length..];

    public static DockerOptions Parse(HandlerConfig config)
    {
        if (config.Options.ValueKind != JsonValueKind.Object)
        {
            throw RuntimeException.InvalidArgument($"handler '{config.Name}': options must be a JSON object");
        }

        string[] known = ["endpoint", "init"];
        if (config.Options.EnumerateObject().Select(static p => p.Name).Except(known).FirstOrDefault() is { } unknown)
        {
            throw RuntimeException.InvalidArgument(
                $"handler '{config.Name}': unknown option '{unknown}'; the docker plugin knows {string.Join(", ", known)}");
        }

        DockerOptions options;
        try
        {
            options = config.Options.Deserialize<DockerOptions>(DockerJson.Settings)!;
        }
        catch (JsonException e)
        {
            throw RuntimeException.InvalidArgument($"handler '{config.Name}': options: {e.Message}");
        }

        options.Validate(config.Name);
        return options;
    }

    private void Validate(string handler)
    {
        var fault = this switch
        {
            _ when !Endpoint.StartsWith($"{Scheme}/", StringComparison.Ordinal) =>
                $"endpoint '{Endpoint}' is not unix:// and an absolute path; the Engine must run on this machine, for its containers' namespaces and logs are read here",
            _ when SocketPath.Length > LongestSocket => $"endpoint '{Endpoint}' is longer than a socket's path can be",
            { Init.Length: 0 } => "init is empty; give the path or name of a static init",
            _ => null,
        };
        if (fault is not null)
        {
            throw RuntimeException.InvalidArgument($"handler '{handler}': option {fault}");
        }
    }
}

/// <summary>JSON of this plugin: options, state, and what it reads of bundles.</summary>
internal static class DockerJson
{
    public static JsonSerializerOptions Settings { get; } = new(JsonSerializerDefaults.Web)
    {
        PropertyNameCaseInsensitive = false,
        RespectNullableAnnotations = true,
    };
}
