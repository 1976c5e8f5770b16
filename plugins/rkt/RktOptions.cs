using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Plugins.Rkt;

/// <summary>The options of the handler: its programs, each a path or a name that is looked up.</summary>
internal sealed record RktOptions
{
    /// <summary>What makes stage 1.</summary>
    public string Nspawn { get; init; } = "systemd-nspawn";

    /// <summary>Stage 1's first process: it reaps.</summary>
    public string Init { get; init; } = "catatonit";

    /// <summary>An app's supervisor: it holds output and exit.</summary>
    public string Monitor { get; init; } = "conmon";

    /// <summary>Applies an app's settings; crun's command line.</summary>
    public string Runtime { get; init; } = "crun";

    /// <summary>Enters namespaces.</summary>
    public string Nsenter { get; init; } = "nsenter";

    /// <summary>Has a machine die with its supervisor, and takes the rights from its first process.</summary>
    public string Setpriv { get; init; } = "setpriv";

    public static RktOptions Parse(HandlerConfig config)
    {
        if (config.Options.ValueKind != JsonValueKind.Object)
        {
            throw RuntimeException.InvalidArgument($"handler '{config.Name}': options must be a JSON object");
        }

        var known = typeof(RktOptions).GetProperties().Select(static p => JsonNamingPolicy.CamelCase.ConvertName(p.Name)).ToList();
        if (config.Options.EnumerateObject().Select(static p => p.Name).Except(known).FirstOrDefault() is { } unknown)
        {
            throw RuntimeException.InvalidArgument($"handler '{config.Name}': unknown option '{unknown}'; the rkt plugin knows {string.Join(", ", known)}");
        }

        try
        {
            var options = config.Options.Deserialize<RktOptions>(RktJson.Settings)!;
            return new[] { options.Nspawn, options.Init, options.Monitor, options.Runtime, options.Nsenter, options.Setpriv }.Any(static p => p.Length == 0)
                ? throw RuntimeException.InvalidArgument($"handler '{config.Name}': an option is empty; give the program's path or name")
                : options;
        }
        catch (JsonException e)
        {
            throw RuntimeException.InvalidArgument($"handler '{config.Name}': options: {e.Message}");
        }
    }
}
