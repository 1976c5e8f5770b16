using System.Reflection;
using System.Reflection.Metadata;

namespace Berth.Plugins;

/// <summary>
/// Libraries of the gateway keep what they learned of types by reflection, those of plugins too, and so keep unloaded plugins in memory
/// (System.Text.Json: dotnet/runtime#65323). Those that do so can be told to forget, by the convention of
/// <see cref="MetadataUpdateHandlerAttribute"/>: a static method ClearCache(Type[]?).
/// </summary>
internal static class SharedCaches
{
    public static void Clear()
    {
        var handlers = AppDomain.CurrentDomain.GetAssemblies()
            .Where(static a => !a.IsCollectible && !a.IsDynamic)
            .SelectMany(static a => a.GetCustomAttributes<MetadataUpdateHandlerAttribute>());
        foreach (var handler in handlers)
        {
            handler.HandlerType.GetMethod("ClearCache", BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic, [typeof(Type[])])?.Invoke(null, [null]);
        }
    }
}
