using Berth.Abstractions;
using Berth.Cri.Mapping;
using Berth.Cri.Protos;
using Grpc.Core;

namespace Berth.Cri;

public sealed partial class RuntimeService
{
    /// <summary>Lasts until the caller goes, falls too far behind, or the gateway ends.</summary>
    public override async Task GetContainerEvents(GetEventsRequest request, IServerStreamWriter<ContainerEventResponse> responseStream, ServerCallContext context)
    {
        using var reader = events.Listen();
        // The headers tell the caller that no event from here on is missed.
        await context.WriteResponseHeadersAsync([]);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        try
        {
            await foreach (var item in reader.ReadAllAsync(either.Token))
            {
                await responseStream.WriteAsync(EventMapping.ToProto(item), either.Token);
            }
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw RuntimeException.Unavailable("the gateway ends: list everything anew when it is back, then read events again");
        }
    }
}
