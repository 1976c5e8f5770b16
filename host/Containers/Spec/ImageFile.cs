using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Containers.Spec;

/// <summary>Reads small files of an image. The image may put anything in their place: links, FIFOs, devices, endless files.</summary>
internal static class ImageFile
{
    internal const int MaxBytes = 10 * 1024 * 1024;

    /// <summary>The content; empty if the image has no such file.</summary>
    /// <param name="rootfs">The image's root; links are resolved inside it.</param>
    /// <param name="path">Such as <c>/etc/passwd</c>.</param>
    internal static byte[] Read(string rootfs, string path)
    {
        try
        {
            using var root = SafeFd.OpenDirectory(rootfs);
            using var file = Beneath.OpenInRoot(root, path);
            return Read(file, path);
        }
        catch (LinuxException e) when (e.IsNotFound)
        {
            return [];
        }
        catch (LinuxException e)
        {
            throw new RuntimeException(RuntimeErrorCode.InvalidArgument, $"cannot read {path} of the image: {e.Message}", e);
        }
    }

    private static byte[] Read(SafeFd file, string path)
    {
        var status = FileStatus.Of(file);
        if (status.Kind != FileKind.Regular)
        {
            throw RuntimeException.InvalidArgument($"{path} of the image is not a regular file but {status.Kind}; repair the image");
        }

        if (status.SizeBytes > MaxBytes)
        {
            throw RuntimeException.InvalidArgument($"{path} of the image has {status.SizeBytes} bytes, more than {MaxBytes}; repair the image");
        }

        var content = new byte[status.SizeBytes];
        var length = 0;
        while (length < content.Length && file.Read(content.AsSpan(length)) is > 0 and var count)
        {
            length += count;
        }

        return length == content.Length ? content : content[..length];
    }
}
