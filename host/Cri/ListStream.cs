using Google.Protobuf;
using Grpc.Core;

namespace Berth.Cri;

/// <summary>A list as a stream of messages, each far below what gRPC clients take at once (4 MiB, kubelets 16).</summary>
internal static class ListStream
{
    private const int MaxBytes = 1024 * 1024;

    /// <summary>Sends all items in order; an empty list is a stream without a message.</summary>
    public static async Task SendAsync<TItem, TMessage>(
        IEnumerable<TItem> items, Func<IReadOnlyList<TItem>, TMessage> message, IAsyncStreamWriter<TMessage> stream, CancellationToken cancellationToken)
        where TItem : IMessage
    {
        var (part, bytes) = (new List<TItem>(), 0);
        foreach (var item in items)
        {
            var size = item.CalculateSize();
            if (part.Count > 0 && bytes + size > MaxBytes)
            {
                await stream.WriteAsync(message(part), cancellationToken);
                (part, bytes) = ([], 0);
            }

            part.Add(item);
            bytes += size;
        }

        if (part.Count > 0)
        {
            await stream.WriteAsync(message(part), cancellationToken);
        }
    }
}
