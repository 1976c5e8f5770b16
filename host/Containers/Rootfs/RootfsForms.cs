using Berth.Abstractions;
using Berth.Images;

namespace Berth.Containers.Rootfs;

/// <summary>Which form of root file system a handler gets: the first of its own that can be made here.</summary>
internal static class RootfsForms
{
    /// <summary>The form for a container.</summary>
    /// <exception cref="RuntimeException">None can be made here.</exception>
    public static RootfsForm ForContainer(string handler, HandlerFeatures features) => Choose(handler, features, features.RootfsForms, ErofsCommand.IsInstalled);

    /// <summary>The form in which an image is handed to a runtime with a store of its own.</summary>
    /// <exception cref="RuntimeException">None can be made here.</exception>
    public static RootfsForm ForStore(string handler, HandlerFeatures features) =>
        Choose(handler, features, features.RootfsForms.Where(static f => f != RootfsForm.None), ErofsCommand.IsInstalled);

    internal static RootfsForm Choose(string handler, HandlerFeatures features, IEnumerable<RootfsForm> forms, bool canMakeBlocks)
    {
        foreach (var form in forms)
        {
            if (form is RootfsForm.Mounted or RootfsForm.Layers || (form == RootfsForm.Block && canMakeBlocks) || (form == RootfsForm.None && features.OwnsImageStore))
            {
                return form;
            }
        }

        var remedy = features.RootfsForms.Contains(RootfsForm.Block) ? $"install {ErofsCommand.Package}" : "repair the plugin";
        throw RuntimeException.FailedPrecondition(
            $"handler {handler} takes root file systems as {string.Join(", ", features.RootfsForms)}, and none of these can be made here: {remedy}");
    }
}
