using System.Reflection;
using System.Runtime.Loader;
using Berth.Abstractions;
using NetCorePluginLoader = McMaster.NETCore.Plugins.PluginLoader;

namespace Berth.Plugins;

/// <summary>
/// Loads a plugin's assembly into a load context of its own that shares the contract and nothing else. The context is collectible,
/// so that a version which nobody needs any more leaves the memory. The price: code compiled ahead (ReadyToRun) is ignored there
/// (dotnet/runtime#40704), and each method is compiled at its first call.
/// </summary>
internal static class PluginLoader
{
    /// <summary>Everything that goes wrong in here is the plugin's own, and becomes its reason.</summary>
    /// <exception cref="PluginRejectedException">With the reason.</exception>
    public static IPluginCode Load(string folder, PluginManifest manifest)
    {
        var path = Path.Combine(folder, manifest.Assembly);
        if (!File.Exists(path))
        {
            throw new PluginRejectedException(PluginState.Failed, $"the assembly {path} is missing");
        }

        try
        {
            var loader = NetCorePluginLoader.CreateFromAssemblyFile(path, isUnloadable: true, sharedTypes: [typeof(IRuntimePlugin)]);
            return LoadOrUnload(loader);
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

    private static LoadContextCode LoadOrUnload(NetCorePluginLoader loader)
    {
        try
        {
            var assembly = loader.LoadDefaultAssembly();
            return new(Create(assembly), loader, new(AssemblyLoadContext.GetLoadContext(assembly)));
        }
        catch
        {
            loader.Dispose();
            throw;
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
