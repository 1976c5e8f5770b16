using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Berth.Abstractions;
using Berth.Configuration;

namespace Berth.Plugins;

/// <summary>Reads plugin.json. It is strict: a member that this gateway does not know would be a promise that it does not keep.</summary>
internal static partial class PluginManifestReader
{
    public const string FileName = "plugin.json";

    private const int LargestBytes = 64 << 10;
    private const int MostAnnotations = 100;

    /// <exception cref="PluginRejectedException">With the reason.</exception>
    public static PluginManifest Read(string path)
    {
        try
        {
            var json = ReadBounded(path);
            // The contract first: a manifest for a later one may have members that are not known yet.
            CheckContract(ContractOf(json));
            var manifest = JsonSerializer.Deserialize<PluginManifest>(json, PluginManifestJson.Options) ?? throw new JsonException("it is null");
            Check(manifest);
            return manifest;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException or FormatException)
        {
            throw new PluginRejectedException(PluginState.Failed, PluginRefusal.Manifest, $"{path}: {e.Message}", e);
        }
        catch (PluginRejectedException e)
        {
            throw new PluginRejectedException(e.State, e.Refusal, $"{path}: {e.Message}", e);
        }
    }

    private static byte[] ReadBounded(string path)
    {
        using var file = File.OpenRead(path);
        return file.Length <= LargestBytes ? File.ReadAllBytes(path) : throw new FormatException($"it has more than {LargestBytes} bytes");
    }

    private static ContractRange ContractOf(byte[] json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("contract", out var contract)
            ? contract.Deserialize<ContractRange>(PluginManifestJson.Options) ?? throw new FormatException("contract is null")
            : throw new FormatException("it has no member 'contract'");
    }

    private static void CheckContract(ContractRange contract)
    {
        var (min, max) = (Parse(contract.Min), Parse(contract.Max));
        if (min > max)
        {
            throw new FormatException($"contract.min {contract.Min} is above contract.max {contract.Max}");
        }

        if (min > new Version(ContractVersion.Major, ContractVersion.Minor) || max.Major < ContractVersion.Major)
        {
            throw new PluginRejectedException(
                PluginState.Incompatible,
                PluginRefusal.Contract,
                $"it works with contract {contract.Min} to {contract.Max}, this gateway has {ContractVersion.Major}.{ContractVersion.Minor}");
        }
    }

    private static Version Parse(string version) =>
        ContractForm.IsMatch(version) ? Version.Parse(version) : throw new FormatException($"'{version}' is not a contract version like 1.0");

    private static void Check(PluginManifest manifest)
    {
        Require(HandlerNames.IsValid(manifest.Id), $"id '{manifest.Id}': {HandlerNames.Rule}");
        Require(VersionForm.IsMatch(manifest.Version), $"version '{manifest.Version}' is not of the form 1.2.3");
        Require(
            AssemblyForm.IsMatch(manifest.Assembly),
            $"assembly '{manifest.Assembly}' is not the bare name of a .dll file in the plugin's folder");
        Require(manifest.RootfsForms.Count > 0, "rootfsForms is empty");
        Require(manifest.StateVersions.All(static v => v > 0), "stateVersions holds a number below 1");
        Require(manifest.Annotations.Count <= MostAnnotations, $"annotations has more than {MostAnnotations} keys");
        foreach (var fault in manifest.Annotations.Select(AnnotationKeys.Fault))
        {
            Require(fault is null, $"annotations: {fault}");
        }

        foreach (var (name, handler) in manifest.Handlers)
        {
            Require(HandlerNames.IsValid(name), $"handler '{name}': {HandlerNames.Rule}");
            Require(
                handler.Options is null or { ValueKind: JsonValueKind.Object },
                string.Create(CultureInfo.InvariantCulture, $"handlers.{name}.options is not an object"));
        }
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new FormatException(otherwise);
        }
    }

    [GeneratedRegex(@"\A[0-9]{1,4}\.[0-9]{1,4}\z", RegexOptions.CultureInvariant)]
    private static partial Regex ContractForm { get; }

    [GeneratedRegex(@"\A[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}([-+][0-9A-Za-z.+-]{1,64})?\z", RegexOptions.CultureInvariant)]
    private static partial Regex VersionForm { get; }

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}\.dll\z", RegexOptions.CultureInvariant)]
    private static partial Regex AssemblyForm { get; }
}
