using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Abstractions;

namespace Berth.Plugins.Oci;

/// <summary>The options of a handler, as plugins.json and the manifest give them.</summary>
internal sealed record OciOptions
{
    /// <summary>The runtime: a path, or a name that is looked up.</summary>
    public required string Path { get; init; }

    /// <summary>Global arguments that stand before the verb, beyond those that the plugin gives.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>The monitor: a path, or a name that is looked up.</summary>
    public string Monitor { get; init; } = "conmon";

    /// <summary>Where the runtime keeps its state; null is a folder in the handler's state directory.</summary>
    public string? RuntimeRoot { get; init; }

    /// <summary>The monitor's log level: error, warning, info, debug or trace.</summary>
    public string LogLevel { get; init; } = "error";

    /// <summary>How a signal reaches a process.</summary>
    public SignalPath Signals { get; init; }

    /// <summary>Abilities that this runtime does not have, by their names in HandlerFeatures; it cannot be asked for all of them.</summary>
    public IReadOnlyList<string> Lacks { get; init; } = [];

    public static OciOptions Parse(HandlerConfig config)
    {
        if (config.Options.ValueKind != JsonValueKind.Object)
        {
            throw RuntimeException.InvalidArgument($"handler '{config.Name}': options must be a JSON object with at least \"path\"");
        }

        var known = typeof(OciOptions).GetProperties().Select(static p => JsonNamingPolicy.CamelCase.ConvertName(p.Name)).ToList();
        if (config.Options.EnumerateObject().Select(static p => p.Name).Except(known).FirstOrDefault() is { } unknown)
        {
            throw RuntimeException.InvalidArgument(
                $"handler '{config.Name}': unknown option '{unknown}'; the oci plugin knows {string.Join(", ", known)}");
        }

        OciOptions options;
        try
        {
            options = config.Options.Deserialize<OciOptions>(OciJson.Settings)!;
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
        string[] levels = ["error", "warning", "info", "debug", "trace"];
        var fault = this switch
        {
            { Path.Length: 0 } => "path is empty; give the runtime's path or name",
            { Monitor.Length: 0 } => "monitor is empty; give conmon's path or name",
            { RuntimeRoot: { } root } when !System.IO.Path.IsPathRooted(root) => $"runtimeRoot '{root}' is not an absolute path",
            _ when !levels.Contains(LogLevel) => $"logLevel '{LogLevel}' is not one of {string.Join(", ", levels)}",
            _ when Lacks.Except(RuntimeFeatures.Removable).FirstOrDefault() is { } ability =>
                $"lacks names '{ability}', which is not one of {string.Join(", ", RuntimeFeatures.Removable)}",
            _ => null,
        };
        if (fault is not null)
        {
            throw RuntimeException.InvalidArgument($"handler '{handler}': option {fault}");
        }
    }
}

/// <summary>How a signal reaches a process.</summary>
internal enum SignalPath
{
    /// <summary>By the kernel: the container's processes are processes of the host.</summary>
    Kernel,

    /// <summary>By the runtime's command, where the host sees a sandbox and not the container's processes.</summary>
    Runtime,
}

/// <summary>JSON of this plugin: options and state.</summary>
internal static class OciJson
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
