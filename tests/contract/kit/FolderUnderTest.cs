using System.Reflection;
using System.Runtime.Loader;
using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Tests.Contract.Kit;

/// <summary>
/// A handler of a plugin's folder, as `berth plugin test` hands it over: BERTH_KIT_PLUGIN is the folder, BERTH_KIT_OPTIONS a JSON
/// object of further options by handler. The suite then runs against the folder's handlers alone.
/// </summary>
internal sealed class FolderUnderTest(string name, object options, string folder, string assembly, bool isInProcess) : HandlerUnderTest
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    /// <summary>The handlers of the folder; null if no folder is named.</summary>
    public static IReadOnlyList<HandlerUnderTest>? Find()
    {
        if (Environment.GetEnvironmentVariable("BERTH_KIT_PLUGIN") is not { Length: > 0 } folder)
        {
            return null;
        }

        var manifest = JsonSerializer.Deserialize<Manifest>(File.ReadAllText(Path.Combine(folder, "plugin.json")), Json)!;
        var given = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(Environment.GetEnvironmentVariable("BERTH_KIT_OPTIONS") ?? "{}")!;
        return
        [
            .. manifest.Handlers.OrderBy(static h => h.Key, StringComparer.Ordinal).Select(h => new FolderUnderTest(
                h.Key, Merge(h.Value.Options, given.GetValueOrDefault(h.Key)), folder, manifest.Assembly, manifest.Isolation == "in-process")),
        ];
    }

    public override string Name => name;

    public override object Options => options;

    public override bool MustBeReady => true;

    /// <summary>As gateways run what did not come with them, unless its manifest says otherwise.</summary>
    public override bool RunsApart => !isInProcess;

    public override (string Folder, string Assembly) Location => (folder, assembly);

    public override IRuntimePlugin NewPlugin()
    {
        var path = Path.Combine(folder, assembly);
        var entry = new PluginContext(path).LoadFromAssemblyPath(path).GetExportedTypes().Single(static t => t.IsAssignableTo(typeof(IRuntimePlugin)) && !t.IsAbstract);
        return (IRuntimePlugin)Activator.CreateInstance(entry)!;
    }

    private static Dictionary<string, JsonElement> Merge(JsonElement? manifest, JsonElement given)
    {
        var merged = new Dictionary<string, JsonElement>();
        foreach (var layer in (JsonElement[])[manifest ?? default, given])
        {
            foreach (var member in layer.ValueKind == JsonValueKind.Object ? layer.EnumerateObject().ToArray() : [])
            {
                merged[member.Name] = member.Value;
            }
        }

        return merged;
    }

    private sealed record Manifest(string Assembly, string? Isolation, Dictionary<string, Handler> Handlers);

    private sealed record Handler(JsonElement? Options);

    // As the gateway loads it: the contract is lent, everything else is the folder's own.
    private sealed class PluginContext(string path) : AssemblyLoadContext(Path.GetFileName(path))
    {
        private readonly AssemblyDependencyResolver _resolver = new(path);

        protected override Assembly? Load(AssemblyName assemblyName) =>
            assemblyName.Name == "Berth.Abstractions" ? null : _resolver.ResolveAssemblyToPath(assemblyName) is { } found ? LoadFromAssemblyPath(found) : null;

        protected override nint LoadUnmanagedDll(string unmanagedDllName) =>
            _resolver.ResolveUnmanagedDllToPath(unmanagedDllName) is { } found ? LoadUnmanagedDllFromPath(found) : 0;
    }
}
