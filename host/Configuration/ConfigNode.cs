using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json;

namespace Berth.Configuration;

/// <summary>What all nodes of one load share.</summary>
/// <param name="BaseDirectory">Where relative paths count from.</param>
/// <param name="Overrides">Environment and flags alone.</param>
/// <param name="Errors">All that was found so far.</param>
internal sealed record ConfigContext(string BaseDirectory, IConfiguration Overrides, List<string> Errors);

/// <summary>
/// An object of the configuration. The merged value comes from <paramref name="section"/>; the file's own element is there
/// for the types, which Microsoft.Extensions.Configuration drops. Keys that nobody asked for are unknown keys.
/// </summary>
internal sealed class ConfigNode(string path, IConfiguration section, JsonElement? file, ConfigContext context)
{
    private readonly HashSet<string> _asked = new(StringComparer.OrdinalIgnoreCase);

    private IEnumerable<IConfigurationSection> Children => section.GetChildren();

    public void Error(string key, string message) => context.Errors.Add($"{Below(key)}: {message}");

    public string? Text(string key) => Scalar(key, "a text", JsonValueKind.String);

    public bool? Flag(string key)
    {
        var text = Scalar(key, "true or false", JsonValueKind.True, JsonValueKind.False);
        if (text is null)
        {
            return null;
        }

        if (bool.TryParse(text, out var value))
        {
            return value;
        }

        Error(key, $"'{text}' is not true or false");
        return null;
    }

    public long? Number(string key, long min, long max)
    {
        var text = Scalar(key, "a whole number", JsonValueKind.Number);
        if (text is null)
        {
            return null;
        }

        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max)
        {
            return value;
        }

        Error(key, $"'{text}' is not a whole number from {min} to {max}");
        return null;
    }

    /// <summary>A path, absolute in the result.</summary>
    public string FilePath(string key, string fallback) => Resolve(Text(key) ?? fallback);

    public string Resolve(string relative) => relative.Length == 0 ? "" : Path.GetFullPath(relative, context.BaseDirectory);

    public IReadOnlyList<string>? Texts(string key)
    {
        var child = Ask(key);
        if (!Expect(key, child, "a list of texts", JsonValueKind.Array))
        {
            return null;
        }

        var items = new ConfigNode(Below(key), child, null, context);
        var kinds = FileElement(key) is { } list ? list.EnumerateArray().Select(static e => e.ValueKind).ToList() : [];
        return [.. child.GetChildren().Select((item, i) => items.ListItem(item, i < kinds.Count ? kinds[i] : JsonValueKind.String)).OfType<string>()];
    }

    public IReadOnlyDictionary<string, string> Map(string key) =>
        Object(key, static node => node.Children.ToFrozenDictionary(static c => c.Key, c => node.Text(c.Key) ?? "", StringComparer.Ordinal))
        ?? FrozenDictionary<string, string>.Empty;

    public IReadOnlyDictionary<string, IReadOnlyList<string>> TextLists(string key) =>
        Object(key, static node => node.Children.ToFrozenDictionary(static c => c.Key, c => node.Texts(c.Key) ?? [], StringComparer.Ordinal))
        ?? FrozenDictionary<string, IReadOnlyList<string>>.Empty;

    /// <summary>Reads an object, then reports the keys in it that the reader did not ask for; null if there is none.</summary>
    public T? Object<T>(string key, Func<ConfigNode, T> read)
        where T : class
    {
        var child = Ask(key);
        if (!Expect(key, child, "an object", JsonValueKind.Object))
        {
            return null;
        }

        return Read(new(Below(key), child, FileElement(key), context), read);
    }

    /// <summary>Reads every value of an object that maps names to objects.</summary>
    public IReadOnlyDictionary<string, T> Objects<T>(string key, Func<string, ConfigNode, T> read)
        where T : class =>
        Object(key, node => node.Children
            .Select(c => KeyValuePair.Create(c.Key.ToLowerInvariant(), node.Object(c.Key, below => read(c.Key.ToLowerInvariant(), below))))
            .Where(static e => e.Value is not null)
            .ToFrozenDictionary(static e => e.Key, static e => e.Value!, StringComparer.Ordinal))
        ?? FrozenDictionary<string, T>.Empty;

    /// <summary>Reads every key that was not asked for yet as an object by a name; to be called after all others.</summary>
    public IReadOnlyDictionary<string, T> OtherObjects<T>(Func<string, ConfigNode, T> read)
        where T : class =>
        Children.Where(c => !_asked.Contains(c.Key)).ToList()
            .Select(c => KeyValuePair.Create(c.Key.ToLowerInvariant(), Object(c.Key, below => read(c.Key.ToLowerInvariant(), below))))
            .Where(static e => e.Value is not null)
            .ToFrozenDictionary(static e => e.Key, static e => e.Value!, StringComparer.Ordinal);

    /// <summary>Reads a list of objects.</summary>
    public IReadOnlyList<T> List<T>(string key, Func<int, ConfigNode, T> read)
        where T : class
    {
        var child = Ask(key);
        if (!Expect(key, child, "a list of objects", JsonValueKind.Array))
        {
            return [];
        }

        var elements = FileElement(key) is { } list ? list.EnumerateArray().Cast<JsonElement?>().ToList() : [];
        return [.. child.GetChildren().Select((item, i) => Item(key, i, item, elements.ElementAtOrDefault(i), read)).OfType<T>()];
    }

    /// <summary>An object that keeps its JSON types; environment and flags are laid over it.</summary>
    public JsonElement? Json(string key)
    {
        var child = Ask(key);
        return Expect(key, child, "an object", JsonValueKind.Object)
            ? OptionsOverlay.Apply(FileElement(key), context.Overrides.GetSection(child.Path))
            : null;
    }

    public static T Read<T>(ConfigNode node, Func<ConfigNode, T> read)
    {
        var result = read(node);
        node.RejectUnknown();
        return result;
    }

    private T? Item<T>(string key, int index, IConfigurationSection item, JsonElement? element, Func<int, ConfigNode, T> read)
        where T : class
    {
        if (item.Value is null && element is null or { ValueKind: JsonValueKind.Object })
        {
            return Read(new($"{Below(key)}[{index}]", item, element, context), node => read(index, node));
        }

        context.Errors.Add($"{Below(key)}[{index}]: expected an object");
        return null;
    }

    private string? ListItem(IConfigurationSection item, JsonValueKind kind)
    {
        if (kind == JsonValueKind.String && item.Value is { Length: > 0 } text)
        {
            return text;
        }

        context.Errors.Add($"{path}[{item.Key}]: expected a text that is not empty");
        return null;
    }

    private string? Scalar(string key, string expected, params JsonValueKind[] kinds)
    {
        var child = Ask(key);
        if ((FileElement(key) is { } element && !kinds.Contains(element.ValueKind)) || child.GetChildren().Any())
        {
            Error(key, $"expected {expected}");
            return null;
        }

        return child.Value;
    }

    // False with an error if it is there and something else; false without one if it is not there.
    private bool Expect(string key, IConfigurationSection child, string expected, JsonValueKind kind)
    {
        var element = FileElement(key);
        var wrongInFile = element is { } e && e.ValueKind != kind;
        var wrongElsewhere = element is null && child.Value is not null;
        if (wrongInFile || wrongElsewhere)
        {
            Error(key, $"expected {expected}");
            return false;
        }

        return element is not null || child.GetChildren().Any();
    }

    private IConfigurationSection Ask(string key)
    {
        _asked.Add(key);
        return section.GetSection(key);
    }

    private JsonElement? FileElement(string key) =>
        file is { ValueKind: JsonValueKind.Object } element
            ? element.EnumerateObject().Where(p => p.Name.Equals(key, StringComparison.OrdinalIgnoreCase)).Select(static p => (JsonElement?)p.Value).FirstOrDefault()
            : null;

    private string Below(string key) => path.Length == 0 || key.Length == 0 ? path + key : $"{path}.{key}";

    private void RejectUnknown()
    {
        foreach (var child in Children.Where(c => !_asked.Contains(c.Key)))
        {
            Error(child.Key, $"unknown key; {NearestName.Hint(child.Key, _asked)}");
        }
    }
}
