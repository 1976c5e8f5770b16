using System.Reflection;
using Berth.Abstractions;
using McMaster.NETCore.Plugins;

namespace Berth.PluginHost;

/// <summary>Loads the plugin as the gateway would: into a load context of its own that shares the contract and nothing else.</summary>
internal static class PluginAssembly
{
    /// <exception cref="RuntimeException">With the reason.</exception>
    public static IRuntimePlugin Load(string path)
    {
        try
        {
            var loader = PluginLoader.CreateFromAssemblyFile(path, isUnloadable: false, sharedTypes: [typeof(IRuntimePlugin)]);
            return Create(loader.LoadDefaultAssembly());
        }
        catch (Exception e)
        {
            throw RuntimeException.FailedPrecondition($"{path}: {Describe(e)}");
        }
    }

    private static IRuntimePlugin Create(Assembly assembly)
    {
        var entries = assembly.GetExportedTypes()
            .Where(static t => t is { IsClass: true, IsAbstract: false } && typeof(IRuntimePlugin).IsAssignableFrom(t))
            .ToList();
        if (entries is not [var entry])
        {
            throw RuntimeException.FailedPrecondition(
                $"it needs exactly one public class that implements {nameof(IRuntimePlugin)}, and has {(entries.Count == 0 ? "none" : string.Join(", ", entries))}");
        }

        var constructor = entry.GetConstructor(Type.EmptyTypes)
            ?? throw RuntimeException.FailedPrecondition($"{entry} has no public constructor without parameters");
        return (IRuntimePlugin)constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, null, null);
    }

    private static string Describe(Exception e) => e switch
    {
        RuntimeException => e.Message,
        ReflectionTypeLoadException { LoaderExceptions: [{ } first, ..] } => Describe(first),
        TypeInitializationException { InnerException: { } inner } => Describe(inner),
        BadImageFormatException => "it is not a .NET assembly, or is damaged",
        _ => $"{e.GetType().Name}: {e.Message}",
    };
}
