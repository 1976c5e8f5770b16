using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Plugins.Oci;

/// <summary>What a runtime tells of itself.</summary>
/// <param name="Version">The first line of <c>--version</c>.</param>
/// <param name="OciVersion">The highest version of the runtime spec that it takes.</param>
/// <param name="Details">All of <c>--version</c>, which lists what some runtimes were built with.</param>
/// <param name="Features">The answer of the verb <c>features</c> (OCI features.md), where it has that verb.</param>
internal sealed record RuntimeFacts(string Version, string OciVersion, string Details, JsonElement? Features)
{
    // Every runtime in use takes it; later versions only add.
    private const string LowestOciVersion = "1.0.0";
    private const string SpecKey = "spec:";

    public static async Task<RuntimeFacts> AskAsync(RuntimeCommand runtime, CancellationToken cancellationToken)
    {
        var version = await runtime.RunBareAsync(["--version"], cancellationToken).ConfigureAwait(false);
        if (version.ExitCode != 0)
        {
            throw RuntimeException.Unavailable($"{runtime.Executable} --version ended with status {version.ExitCode}: {version.Error}");
        }

        var features = await runtime.RunBareAsync(["features"], cancellationToken).ConfigureAwait(false);
        var parsed = features.ExitCode == 0 ? Parse(features.Output) : null;
        var lines = version.OutputText.Split('\n', StringSplitOptions.TrimEntries);
        var spec = lines.FirstOrDefault(static l => l.StartsWith(SpecKey, StringComparison.Ordinal))?[SpecKey.Length..].Trim();
        return new(lines[0], Text(parsed, "ociVersionMax") ?? spec ?? LowestOciVersion, version.OutputText, parsed);
    }

    /// <summary>Whether <c>features</c> has the value true at a path.</summary>
    private bool IsTrue(params ReadOnlySpan<string> path)
    {
        var at = Features;
        foreach (var name in path)
        {
            at = at is { ValueKind: JsonValueKind.Object } o && o.TryGetProperty(name, out var next) ? next : null;
        }

        return at is { ValueKind: JsonValueKind.True };
    }

    /// <summary>
    /// Whether it was built with a security module: by <c>features</c> or, without that verb, by the list of <c>+NAME</c> in
    /// <c>--version</c>; null if it tells neither.
    /// </summary>
    public bool? Has(string module) => this switch
    {
        { Features: not null } => IsTrue("linux", module, "enabled"),
        _ when Details.Split((char[]?)null).Where(static w => w.StartsWith('+')).ToList() is { Count: > 0 } built => built.Contains($"+{module}", StringComparer.OrdinalIgnoreCase),
        _ => null,
    };

    /// <summary>Whether it runs hooks; who does not tell has them, as the runtime spec has.</summary>
    public bool RunsHooks => Features is not { ValueKind: JsonValueKind.Object } f || (f.TryGetProperty("hooks", out var hooks) && hooks is { ValueKind: JsonValueKind.Array } && hooks.GetArrayLength() > 0);

    /// <summary>A value of the annotations in <c>features</c>.</summary>
    public string? Annotation(string key) =>
        Features is { ValueKind: JsonValueKind.Object } features && features.TryGetProperty("annotations", out var annotations) ? Text(annotations, key) : null;

    private static string? Text(JsonElement? json, string name) =>
        json is { ValueKind: JsonValueKind.Object } o && o.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static JsonElement? Parse(byte[] output)
    {
        try
        {
            return JsonSerializer.Deserialize<JsonElement>(output);
        }
        catch (JsonException)
        {
            // A runtime that takes an unknown verb for something else.
            return null;
        }
    }
}
