namespace Berth.Configuration;

/// <summary>Where the configuration comes from, weakest first.</summary>
public sealed record ConfigurationSources
{
    /// <summary>The path of plugins.json; null takes the built-in defaults.</summary>
    public string? File { get; init; }

    /// <summary>Environment variables: <c>BERTH_GATEWAY__LISTEN</c> is gateway.listen. Those without <c>__</c> are not settings.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Flags, by key such as <c>gateway:listen</c>.</summary>
    public IReadOnlyDictionary<string, string> Flags { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// The names of the handlers that the plugins' manifests offer; null if that cannot be told, as a manifest is broken:
    /// a bad plugin must not keep the gateway from starting, so references to handlers are then left alone.
    /// </summary>
    public required Func<PluginsOptions, IReadOnlySet<string>?> OfferedHandlers { get; init; }
}

/// <summary>Reads the configuration: the file, then the environment, then flags.</summary>
public static class ConfigurationLoader
{
    private const string Prefix = "BERTH_";

    /// <exception cref="ConfigurationException">With all errors at once.</exception>
    public static BerthOptions Load(ConfigurationSources sources)
    {
        var errors = new List<string>();
        var path = sources.File is null ? null : Path.GetFullPath(sources.File);
        var file = path is null ? null : ConfigurationFile.Read(path, errors);
        var overrides = Overrides(sources);

        var builder = new ConfigurationBuilder();
        if (file is not null)
        {
            builder.AddJsonStream(new MemoryStream(file.Json));
        }

        var merged = builder.AddConfiguration(overrides).Build();
        var directory = path is null ? Directory.GetCurrentDirectory() : Path.GetDirectoryName(path)!;
        var root = new ConfigNode("", merged, file?.Root, new(directory, overrides, errors));
        var options = ConfigNode.Read(root, OptionsReader.Read);

        if (sources.OfferedHandlers(options.Plugins) is { } offered)
        {
            HandlerReferences.Check(options, offered, merged["selection:default"] is not null, errors);
        }

        return errors.Count == 0 ? options with { Sources = sources, SourcePrint = file?.Print ?? "" } : throw new ConfigurationException(path ?? "the configuration", errors);
    }

    private static IConfigurationRoot Overrides(ConfigurationSources sources)
    {
        var environment = sources.Environment
            .Where(static v => v.Key.StartsWith(Prefix, StringComparison.Ordinal) && v.Key.Contains("__", StringComparison.Ordinal))
            .Select(static v => KeyValuePair.Create(v.Key[Prefix.Length..].Replace("__", ":", StringComparison.Ordinal), (string?)v.Value));
        return new ConfigurationBuilder()
            .AddInMemoryCollection(environment)
            .AddInMemoryCollection(sources.Flags.Select(static f => KeyValuePair.Create(f.Key, (string?)f.Value)))
            .Build();
    }
}
