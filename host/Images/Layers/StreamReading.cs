namespace Berth.Images.Layers;

internal static class StreamReading
{
    /// <summary>Fills the buffer; an earlier end is a fault of the data.</summary>
    public static async ValueTask ReadExactlyOrCutOffAsync(this Stream stream, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var count = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        if (count < buffer.Length)
        {
            throw new InvalidDataException("the archive is cut off");
        }
    }
}
