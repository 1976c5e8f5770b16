using System.Text;
using Berth.Abstractions;

namespace Berth.Images;

/// <summary>Writes overlayfs's mount options, see the kernel's filesystems/overlayfs.rst.</summary>
internal static class OverlayOptions
{
    // mount(2) takes one page, with the NUL.
    private const int LongestOptions = 4095;

    /// <summary>For layers alone, topmost first.</summary>
    public static string Lower(IReadOnlyList<string> folders) => Check($"lowerdir={string.Join(':', folders.Select(Escape))}", folders.Count);

    /// <summary>
    /// With a writable layer on top. <c>volatile</c> leaves out flushes of the writable layer: it never outlives a boot,
    /// since a container is never started again after one.
    /// </summary>
    public static string Writable(IReadOnlyList<string> folders, string upper, string work) =>
        Check($"lowerdir={string.Join(':', folders.Select(Escape))},upperdir={Escape(upper)},workdir={Escape(work)},volatile", folders.Count);

    private static string Check(string options, int layers) =>
        Encoding.UTF8.GetByteCount(options) <= LongestOptions ? options
            : throw RuntimeException.FailedPrecondition(
                $"the {layers} layers of the image do not fit into the {LongestOptions} bytes of mount options; set gateway.root to a shorter path, or build the image with fewer layers");

    private static string Escape(string path) =>
        path.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(":", "\\:", StringComparison.Ordinal).Replace(",", "\\,", StringComparison.Ordinal);
}
