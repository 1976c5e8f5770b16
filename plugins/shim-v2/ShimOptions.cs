using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Abstractions;

namespace Berth.Plugins.ShimV2;

/// <summary>The options of a handler, as plugins.json and the manifest give them.</summary>
internal sealed record ShimOptions
{
    /// <summary>The runtime's type: <c>io.containerd.NAME.VERSION</c> is served by the program <c>containerd-shim-NAME-VERSION</c>.</summary>
    public required string RuntimeType { get; init; }

    /// <summary>The shim: a path, or a name that is looked up; null is the name that the type gives.</summary>
    public string? Path { get; init; }

    /// <summary>The runtime's own options; see <see cref="RuntimeOptions"/>.</summary>
    public JsonElement Options { get; init; }

    /// <summary>Added to the shim's environment, which is built from nothing.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>The namespace in which the shim keeps its containers.</summary>
    public string Namespace { get; init; } = "berth";

    /// <summary>A pod begins with a container of type sandbox, as runtimes want it whose pod is a virtual machine or a kernel of its own.</summary>
    public bool SandboxContainer { get; init; }

    /// <summary>The program that writes the logs; null is the one beside the plugin.</summary>
    public string? Logger { get; init; }

    /// <summary>Abilities that this runtime does not have, by their names in HandlerFeatures; it cannot be asked for them.</summary>
    public IReadOnlyList<string> Lacks { get; init; } = [];

    /// <summary>The shim's path, or the name to look up.</summary>
    [JsonIgnore]
    public string Executable => Path ?? $"containerd-shim-{string.Join('-', RuntimeType.Split('.')[^2..])}";

    /// <summary>Whether the runtime has an ability.</summary>
    public bool Has(string ability) => !Lacks.Contains(ability);

    public static ShimOptions Parse(HandlerConfig config)
    {
        if (config.Options.ValueKind != JsonValueKind.Object)
        {
            throw RuntimeException.InvalidArgument($"handler '{config.Name}': options must be a JSON object with at least \"runtimeType\"");
        }

        var known = typeof(ShimOptions).GetProperties().Where(static p => p.CanWrite).Select(static p => JsonNamingPolicy.CamelCase.ConvertName(p.Name)).ToList();
        if (config.Options.EnumerateObject().Select(static p => p.Name).Except(known).FirstOrDefault() is { } unknown)
        {
            throw RuntimeException.InvalidArgument(
                $"handler '{config.Name}': unknown option '{unknown}'; the shim-v2 plugin knows {string.Join(", ", known)}");
        }

        try
        {
            var options = config.Options.Deserialize<ShimOptions>(ShimJson.Settings)!;
            options.Validate(config.Name);
            return options;
        }
        catch (JsonException e)
        {
            throw RuntimeException.InvalidArgument($"handler '{config.Name}': options: {e.Message}");
        }
    }

    private void Validate(string handler)
    {
        var fault = this switch
        {
            _ when RuntimeType.Split('.') is not [_, _, ..] parts || parts.Any(static p => p.Length == 0 || !p.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')) =>
                $"runtimeType '{RuntimeType}' is no type such as io.containerd.runc.v2",
            { Path.Length: 0 } => "path is empty; give the shim's path or name, or leave it out",
            { Logger.Length: 0 } => "logger is empty; give its path, or leave it out",
            _ when Namespace.Length is 0 or > 64 || !Namespace.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.') => $"namespace '{Namespace}' is not of letters, digits, '-' and '.'",
            _ when Environment.Keys.FirstOrDefault(static k => k.Length == 0 || k.Contains('=') || k.Contains('\0')) is { } name => $"environment: '{name}' is no name of a variable",
            _ when Lacks.Except(ShimFeatures.Removable).FirstOrDefault() is { } ability =>
                $"lacks names '{ability}', which is not one of {string.Join(", ", ShimFeatures.Removable)}",
            _ => null,
        };
        if (fault is not null)
        {
            throw RuntimeException.InvalidArgument($"handler '{handler}': option {fault}");
        }
    }
}

/// <summary>JSON of this plugin: options and state.</summary>
internal static class ShimJson
{
    // By reflection: generated code would not keep the initial values of properties that are left out.
    public static JsonSerializerOptions Settings { get; } = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        NumberHandling = JsonNumberHandling.Strict,
        PropertyNameCaseInsensitive = false,
        RespectNullableAnnotations = true,
    };
}
