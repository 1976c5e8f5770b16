using Berth.Cri.Protos;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>GetContainerEvents, as a kubelet with evented PLEG reads it.</summary>
public sealed class EventTests(Suite suite)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Life_OfAPod_IsToldInOrderWithFullStatus(string handler)
    {
        await suite.RequireAsync(handler);
        using var limit = new CancellationTokenSource(Patience);
        using var call = suite.Client.Runtime.GetContainerEvents(new(), cancellationToken: limit.Token);
        await call.ResponseHeadersAsync;
        string container;
        string sandbox;
        await using (var pod = await suite.PodAsync(handler))
        {
            sandbox = pod.Id;
            container = await pod.StartAsync(Requests.Script("c", "exit 3"));
            await pod.ExitedAsync(container);
        }

        var heard = new List<ContainerEventResponse>();
        while (heard.LastOrDefault() is not { ContainerEventType: ContainerEventType.ContainerDeletedEvent } last || last.ContainerId != sandbox)
        {
            Assert.True(await call.ResponseStream.MoveNext(limit.Token));
            if (call.ResponseStream.Current.PodSandboxStatus.Id == sandbox)
            {
                heard.Add(call.ResponseStream.Current);
            }
        }

        Assert.Equal(
            [
                (sandbox, ContainerEventType.ContainerCreatedEvent), (sandbox, ContainerEventType.ContainerStartedEvent),
                (container, ContainerEventType.ContainerCreatedEvent), (container, ContainerEventType.ContainerStartedEvent), (container, ContainerEventType.ContainerStoppedEvent),
                (sandbox, ContainerEventType.ContainerStoppedEvent), (container, ContainerEventType.ContainerDeletedEvent), (sandbox, ContainerEventType.ContainerDeletedEvent),
            ],
            heard.Select(static e => (e.ContainerId, e.ContainerEventType)));
        Assert.Equal(heard.Select(static e => e.CreatedAt).Order().Distinct(), heard.Select(static e => e.CreatedAt));
        Assert.All(heard, e => Assert.Equal(("tests", handler), (e.PodSandboxStatus.Metadata.Namespace, e.PodSandboxStatus.RuntimeHandler)));
        var stopped = Assert.Single(heard[4].ContainersStatuses);
        Assert.Equal((ContainerState.ContainerExited, 3, "Error"), (stopped.State, stopped.ExitCode, stopped.Reason));
        Assert.Empty(heard[7].ContainersStatuses);
    }

    [Fact]
    public async Task Gateway_Ends_ReadersAreTold()
    {
        await using var gateway = await suite.OwnGatewayAsync();
        using var limit = new CancellationTokenSource(Patience);
        using var call = gateway.Client.Runtime.GetContainerEvents(new(), cancellationToken: limit.Token);
        await call.ResponseHeadersAsync;
        var ending = gateway.TerminateAsync();
        var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(limit.Token));
        Assert.Equal(StatusCode.Unavailable, failure.StatusCode);
        Assert.Equal(0, await ending);
    }

    [Fact]
    public async Task Status_OfAPod_CarriesItsContainers()
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.StartAsync(Requests.Idle());
        var answer = await suite.Client.Runtime.PodSandboxStatusAsync(new() { PodSandboxId = pod.Id });
        Assert.Equal(id, Assert.Single(answer.ContainersStatuses).Id);
        Assert.True(answer.Timestamp > 0);
    }
}
