namespace Berth.Images;

internal static partial class ImagesLog
{
    [LoggerMessage(500, LogLevel.Warning, "{Folder} could not be deleted and waits for the next start: {Reason}")]
    public static partial void TrashRemains(this ILogger logger, string folder, string reason);

    [LoggerMessage(501, LogLevel.Information, "Pulled {Image} from {Host}: id {ImageId}, {Layers} layers, {SizeBytes} bytes, {Milliseconds} ms")]
    public static partial void Pulled(this ILogger logger, string image, string host, string imageId, int layers, long sizeBytes, long milliseconds);

    [LoggerMessage(502, LogLevel.Warning, "Layer {Digest}: the file system does not hold the attribute {Attribute}; it is left out, as are others like it")]
    public static partial void AttributeRefused(this ILogger logger, string digest, string attribute);

    [LoggerMessage(503, LogLevel.Information, "Swept {Layers} half-made layers and {Folders} folders without an owner")]
    public static partial void Swept(this ILogger logger, int layers, int folders);

    [LoggerMessage(504, LogLevel.Debug, "{Host} did not serve {What}: {Reason}; trying the next")]
    public static partial void EndpointFailed(this ILogger logger, string host, string what, string reason);

    [LoggerMessage(505, LogLevel.Debug, "Unpacked layer {Digest} as {LayerId}: {Inodes} inodes, {SizeBytes} bytes, {Milliseconds} ms")]
    public static partial void LayerUnpacked(this ILogger logger, string digest, long layerId, long inodes, long sizeBytes, long milliseconds);

    [LoggerMessage(506, LogLevel.Information, "Removed image {ImageId}; {Layers} layers went with it")]
    public static partial void ImageRemoved(this ILogger logger, string imageId, int layers);

    [LoggerMessage(507, LogLevel.Warning, "The image {ImageId} in the database cannot be read and is left out: {Reason}")]
    public static partial void ImageUnreadable(this ILogger logger, string imageId, string reason);

    [LoggerMessage(508, LogLevel.Debug, "The download of {Digest} from {Host} broke off at {Position} of {Size} bytes and goes on from there: {Reason}")]
    public static partial void DownloadResumed(this ILogger logger, string digest, string host, long position, long size, string reason);

    [LoggerMessage(509, LogLevel.Information, "Imported {Image} from {Path}: id {ImageId}")]
    public static partial void Imported(this ILogger logger, string image, string path, string imageId);

    [LoggerMessage(510, LogLevel.Information, "Made a block device of {ImageId}: {File}, {SizeBytes} bytes, {Milliseconds} ms")]
    public static partial void BlockMade(this ILogger logger, string imageId, string file, long sizeBytes, long milliseconds);
}
