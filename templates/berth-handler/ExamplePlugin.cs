using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Abstractions;

namespace Example;

/// <summary>The entry: makes handlers from options.</summary>
public sealed class ExamplePlugin : IRuntimePlugin
{
    public Task<IRuntimeHandler> CreateHandlerAsync(HandlerConfig config, IHandlerContext context, CancellationToken cancellationToken) =>
        Task.FromResult<IRuntimeHandler>(new ExampleHandler(config, ExampleOptions.Read(config), context));
}

/// <summary>The handler's options, as plugins.json and the manifest say them.</summary>
internal sealed record ExampleOptions
{
    private static readonly JsonSerializerOptions Strict = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
    };

    /// <summary>The OCI runtime.</summary>
    public string Runtime { get; init; } = "crun";

    /// <summary>What holds a container's output and exit while the gateway is away.</summary>
    public string Monitor { get; init; } = "conmon";

    // A mistake is said when the handler is made, not when the first pod comes.
    public static ExampleOptions Read(HandlerConfig config)
    {
        try
        {
            return config.Options.Deserialize<ExampleOptions>(Strict) ?? new();
        }
        catch (JsonException e)
        {
            throw RuntimeException.InvalidArgument($"handler {config.Name}: options: {e.Message}");
        }
    }
}
