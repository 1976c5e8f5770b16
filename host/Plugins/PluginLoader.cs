using System.Reflection;
using Berth.Abstractions;
using NetCorePluginLoader = McMaster.NETCore.Plugins.PluginLoader;

namespace Berth.Plugins;

/// <summary>
/// Loads a plugin's assembly into a load context of its own that shares the contract and nothing else. The context is
/// not collectible: code compiled ahead (ReadyToRun) is ignored in those (dotnet/runtime#40704).
/// </summary>
internal static class PluginLoader
{
    /// <summary>Everything that goes wrong in here is the plugin's own, and becomes its reason.</summary>
    /// <exception cref="PluginRejectedException">With the reason.</exception>
    public static IRuntimePlugin Load(string folder, PluginManifest manifest)
    {
        var path = Path.Combine(folder, manifest.Assembly);
        if (!File.Exists(path))
        {
            throw new PluginRejectedException(PluginState.Failed, $"the assembly {path} is missing");
        }

        try
        {
            // It lives as long as the process, as does what it has loaded.
            var loader = NetCorePluginLoader.CreateFromAssemblyFile(path, isUnloadable: false, sharedTypes: [typeof(IRuntimePlugin)]);
            return Create(loader.LoadDefaultAssembly());
        }
        catch (PluginRejectedException e)
        {
            throw new PluginRejectedException(e.State, $"{path}: {e.Message}", e);
        }
        catch (Exception e)
        {
            throw new PluginRejectedException(PluginState.Failed, $"{path}: {Describe(e)}", e);
        }
    }

    private static IRuntimePlugin Create(Assembly assembly)
    {
        var entries = assembly.GetExportedTypes()
            .Where(static t => t is { IsClass: true, IsAbstract: false } && typeof(IRuntimePlugin).IsAssignableFrom(t))
            .ToList();
        if (entries is not [var entry])
        {
            throw new PluginRejectedException(
                PluginState.Failed,
                $"it needs exactly one public class that implements {nameof(IRuntimePlugin)}, and has {(entries.Count == 0 ? "none" : string.Join(", ", entries))}");
        }

        var constructor = entry.GetConstructor(Type.EmptyTypes)
            ?? throw new PluginRejectedException(PluginState.Failed, $"{entry} has no public constructor without parameters");
        return (IRuntimePlugin)constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, null, null);
    }

    private static string Describe(Exception e) => e switch
    {
        ReflectionTypeLoadException { LoaderExceptions: [{ } first, ..] } => Describe(first),
        TypeInitializationException { InnerException: { } inner } => Describe(inner),
        BadImageFormatException => "it is not a .NET assembly, or is damaged",
        _ => $"{e.GetType().Name}: {e.Message}",
    };
}
