using System.Collections.Frozen;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Berth.Plugins.Health;

/// <summary>The types of a plugin's assembly, read as data: nothing of it is loaded.</summary>
internal static class TypeNames
{
    /// <summary>As they are in stack traces; none if the folder or the assembly is not there any more, or is none.</summary>
    public static IReadOnlySet<string> Of(string folder)
    {
        try
        {
            if (PluginScan.Look(folder)?.Manifest is not { } manifest)
            {
                return FrozenSet<string>.Empty;
            }

            using var file = File.OpenRead(Path.Combine(folder, manifest.Assembly));
            using var assembly = new PEReader(file);
            var metadata = assembly.GetMetadataReader();
            var names = metadata.TypeDefinitions.Select(t => NameOf(metadata, metadata.GetTypeDefinition(t))).ToList();
            // Of a type within another the runtime writes Outer+Inner, and the base library Outer.Inner.
            return names.Concat(names.Select(static n => n.Replace('+', '.'))).ToFrozenSet(StringComparer.Ordinal);
        }
        catch (Exception e) when (e is IOException or BadImageFormatException or InvalidOperationException or UnauthorizedAccessException)
        {
            return FrozenSet<string>.Empty;
        }
    }

    private static string NameOf(MetadataReader metadata, TypeDefinition type)
    {
        var name = metadata.GetString(type.Name);
        return !type.GetDeclaringType().IsNil ? $"{NameOf(metadata, metadata.GetTypeDefinition(type.GetDeclaringType()))}+{name}"
            : type.Namespace.IsNil ? name
            : $"{metadata.GetString(type.Namespace)}.{name}";
    }
}
