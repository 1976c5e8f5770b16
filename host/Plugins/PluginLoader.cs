using System.Reflection;
using System.Runtime.Loader;
using Berth.Abstractions;
using McMaster.NETCore.Plugins.LibraryModel;
using McMaster.NETCore.Plugins.Loader;

namespace Berth.Plugins;

/// <summary>
/// Loads a plugin's assembly into a load context of its own that shares the contract and nothing else. In a collectible context a
/// version that nobody needs any more leaves the memory, at a price: code compiled ahead (ReadyToRun) is ignored there
/// (dotnet/runtime#40704), and each method is compiled at its first call, at once in full (no tiers). So what the gateway finds at
/// its start, which nearly always stays until its end, is loaded to stay, and what comes later can go.
/// </summary>
internal static class PluginLoader
{
    /// <summary>Everything that goes wrong in here is the plugin's own, and becomes its reason.</summary>
    /// <param name="folder">The plugin's.</param>
    /// <param name="manifest">Its plugin.json.</param>
    /// <param name="stays">In this process's memory until its end, also when nobody needs it any more.</param>
    /// <exception cref="PluginRejectedException">With the reason.</exception>
    public static IPluginCode Load(string folder, PluginManifest manifest, bool stays)
    {
        var path = Path.Combine(folder, manifest.Assembly);
        if (!File.Exists(path))
        {
            throw new PluginRejectedException(PluginState.Failed, PluginRefusal.Load, $"the assembly {path} is missing");
        }

        try
        {
            return LoadOrUnload(ContextOf(folder, path, manifest, stays), path);
        }
        catch (PluginRejectedException e)
        {
            throw new PluginRejectedException(e.State, e.Refusal, $"{path}: {e.Message}", e);
        }
        catch (Exception e)
        {
            throw new PluginRejectedException(PluginState.Failed, PluginRefusal.Load, $"{path}: {Describe(e)}", e);
        }
    }

    private static AssemblyLoadContext ContextOf(string folder, string path, PluginManifest manifest, bool stays)
    {
        var builder = new AssemblyLoadContextBuilder().SetMainAssemblyPath(path).PreferDefaultLoadContextAssembly(typeof(IRuntimePlugin).Assembly.GetName());
        // Native libraries that no package brought: what the context does not know is looked for by the runtime, which keeps it by its
        // bare name, and gives it to every other plugin that has one of that name.
        foreach (var library in Directory.EnumerateFiles(folder, "*.so"))
        {
            builder.AddNativeLibrary(NativeLibrary.CreateFromPackage(manifest.Id, manifest.Version, Path.GetFileName(library)));
        }

        return (stays ? builder : builder.EnableUnloading()).Build();
    }

    private static LoadContextCode LoadOrUnload(AssemblyLoadContext context, string path)
    {
        try
        {
            return new(Create(context.LoadFromAssemblyPath(path)), context, context.IsCollectible ? new(context) : null);
        }
        catch when (context.IsCollectible)
        {
            context.Unload();
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
                PluginRefusal.Load,
                $"it needs exactly one public class that implements {nameof(IRuntimePlugin)}, and has {(entries.Count == 0 ? "none" : string.Join(", ", entries))}");
        }

        var constructor = entry.GetConstructor(Type.EmptyTypes)
            ?? throw new PluginRejectedException(PluginState.Failed, PluginRefusal.Load, $"{entry} has no public constructor without parameters");
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
