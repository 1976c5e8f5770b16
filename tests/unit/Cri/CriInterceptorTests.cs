using Berth.Abstractions;
using Berth.Cri;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using Protos = Berth.Cri.Protos;
using RuntimeService = Berth.Cri.RuntimeService;

namespace Berth.Tests.Unit.Cri;

public sealed class CriInterceptorTests
{
    [Theory]
    [InlineData(RuntimeErrorCode.InvalidArgument, StatusCode.InvalidArgument)]
    [InlineData(RuntimeErrorCode.NotFound, StatusCode.NotFound)]
    [InlineData(RuntimeErrorCode.AlreadyExists, StatusCode.AlreadyExists)]
    [InlineData(RuntimeErrorCode.FailedPrecondition, StatusCode.FailedPrecondition)]
    [InlineData(RuntimeErrorCode.PermissionDenied, StatusCode.PermissionDenied)]
    [InlineData(RuntimeErrorCode.ResourceExhausted, StatusCode.ResourceExhausted)]
    [InlineData(RuntimeErrorCode.Busy, StatusCode.Unavailable)]
    [InlineData(RuntimeErrorCode.Unavailable, StatusCode.Unavailable)]
    [InlineData(RuntimeErrorCode.NotSupported, StatusCode.Unimplemented)]
    [InlineData(RuntimeErrorCode.DeadlineExceeded, StatusCode.DeadlineExceeded)]
    [InlineData(RuntimeErrorCode.DataLoss, StatusCode.DataLoss)]
    [InlineData(RuntimeErrorCode.Internal, StatusCode.Internal)]
    public async Task Failure_OfTheDomain_BecomesItsStatusWithTheMessage(RuntimeErrorCode code, StatusCode expected)
    {
        await using var server = new CriServer();
        await server.StartAsync(new Service(_ => throw new RuntimeException(code, "container c1: no\nway")));

        var refusal = await Assert.ThrowsAsync<RpcException>(async () => await server.Client.StopContainerAsync(new() { ContainerId = "c1" }));

        Assert.Equal((expected, "container c1: no way"), (refusal.StatusCode, refusal.Status.Detail));
        Assert.Equal(("StopContainer", expected.ToString()), Assert.Single(server.Recorded));
    }

    [Fact]
    public async Task Failure_Unforeseen_NamesTheCallAndLogsTheStack()
    {
        await using var server = new CriServer();
        await server.StartAsync(new Service(static _ => throw new InvalidOperationException("the cat sat")));

        var refusal = await Assert.ThrowsAsync<RpcException>(async () => await server.Client.StopContainerAsync(new() { ContainerId = "c1" }));

        Assert.Equal((StatusCode.Internal, "StopContainer failed: the cat sat"), (refusal.StatusCode, refusal.Status.Detail));
        var (level, text) = Assert.Single(server.Lines);
        Assert.Equal(LogLevel.Error, level);
        Assert.Contains("   at ", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Failure_LongerThanHeadersTake_IsCut()
    {
        await using var server = new CriServer();
        await server.StartAsync(new Service(static _ => throw RuntimeException.NotFound(new string('x', 1_000_000))));

        var refusal = await Assert.ThrowsAsync<RpcException>(async () => await server.Client.StopContainerAsync(new()));

        Assert.Equal(StatusCode.NotFound, refusal.StatusCode);
        Assert.InRange(refusal.Status.Detail.Length, 1000, 5000);
    }

    [Fact]
    public async Task Cancel_ByTheCaller_IsCancelled()
    {
        await using var server = new CriServer();
        var entered = new TaskCompletionSource();
        var left = new TaskCompletionSource();
        await server.StartAsync(new Service(async context =>
        {
            entered.SetResult();
            await using var registration = context.CancellationToken.Register(left.SetResult);
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
        }));
        using var cancel = new CancellationTokenSource();
        var call = server.Client.StopContainerAsync(new(), cancellationToken: cancel.Token).ResponseAsync;
        await entered.Task;

        await cancel.CancelAsync();
        await left.Task;

        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => call)).StatusCode);
        Assert.Equal(("StopContainer", "Cancelled"), await server.FirstRecordAsync());
    }

    [Fact]
    public async Task Cancel_ByTheDeadline_IsDeadlineExceeded()
    {
        await using var server = new CriServer();
        await server.StartAsync(new Service(static context => Task.Delay(Timeout.Infinite, context.CancellationToken)));

        var call = server.Client.StopContainerAsync(new(), deadline: DateTime.UtcNow.AddMilliseconds(200)).ResponseAsync;

        Assert.Equal(StatusCode.DeadlineExceeded, (await Assert.ThrowsAsync<RpcException>(() => call)).StatusCode);
        Assert.Equal("StopContainer", (await server.FirstRecordAsync()).Method);
    }

    [Fact]
    public async Task Cancel_FromWithin_IsNotTakenForTheCallers()
    {
        await using var server = new CriServer();
        await server.StartAsync(new Service(static _ => throw new TaskCanceledException("the registry's client gave up")));

        var refusal = await Assert.ThrowsAsync<RpcException>(async () => await server.Client.StopContainerAsync(new()));

        Assert.Equal(StatusCode.Internal, refusal.StatusCode);
    }

    [Fact]
    public async Task Log_Verb_HasOneLineAndListsAreQuiet()
    {
        await using var server = new CriServer();
        await server.StartAsync(new Service(static _ => Task.CompletedTask));

        await server.Client.StopContainerAsync(new() { ContainerId = "c1" });
        await server.Client.ListContainersAsync(new());

        Assert.Equal([LogLevel.Information, LogLevel.Debug], server.Lines.Select(static line => line.Level));
        Assert.StartsWith("StopContainer c1 done in ", server.Lines.First().Text, StringComparison.Ordinal);
        Assert.Equal([("StopContainer", "OK"), ("ListContainers", "OK")], server.Recorded);
    }

    [Fact]
    public void Log_Pull_NeverHasCredentials()
    {
        var request = new Protos.PullImageRequest
        {
            Image = new() { Image = "nginx:1\n" },
            Auth = new() { Username = "canary", Password = "canary", Auth = "canary", IdentityToken = "canary", RegistryToken = "canary" },
        };

        Assert.Equal("nginx:1 ", CallSubject.Of(request));
    }

    [Fact]
    public async Task Unserved_Unary_SaysWhich()
    {
        await using var server = new CriServer();
        await server.StartAsync(new NothingService());

        var refusal = await Assert.ThrowsAsync<RpcException>(async () => await server.Client.CheckpointPodAsync(new()));

        Assert.Equal((StatusCode.Unimplemented, "CheckpointPod is not served by this version of Berth"), (refusal.StatusCode, refusal.Status.Detail));
    }

    [Fact]
    public async Task Unserved_Stream_SaysWhich()
    {
        await using var server = new CriServer();
        await server.StartAsync(new NothingService());
        using var call = server.Client.GetContainerEvents(new());

        var refusal = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(CancellationToken.None));

        Assert.Equal((StatusCode.Unimplemented, "GetContainerEvents is not served by this version of Berth"), (refusal.StatusCode, refusal.Status.Detail));
    }

    [Fact]
    public async Task Runtime_VersionAndBadRequests_AreAnsweredBeforeTheDomain()
    {
        await using var server = new CriServer();
        await server.StartAsync(new RuntimeService(null!, null!, null!, null!, null!, null!, null!, null!, null!, NullLogger<RuntimeService>.Instance));

        var version = await server.Client.VersionAsync(new());
        var refusal = await Assert.ThrowsAsync<RpcException>(async () => await server.Client.RunPodSandboxAsync(new() { Config = new() { Metadata = new() } }));

        Assert.Equal(("0.1.0", "berth", "v1"), (version.Version, version.RuntimeName, version.RuntimeApiVersion));
        Assert.Matches(@"\A\d+\.\d+\.\d+[-.0-9A-Za-z]*\z", version.RuntimeVersion);
        Assert.Equal((StatusCode.InvalidArgument, "config.metadata.name is empty"), (refusal.StatusCode, refusal.Status.Detail));
    }

    [Fact]
    public async Task Socket_OfTheServer_IsForItsOwnerAlone()
    {
        await using var server = new CriServer();
        await server.StartAsync(new Service(static _ => Task.CompletedTask));

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(server.SocketPath));
    }

    [Fact]
    public async Task Message_LargerThanGrpcsOwnLimit_IsTaken()
    {
        await using var server = new CriServer();
        await server.StartAsync(new Service(static _ => Task.CompletedTask));

        await server.Client.StopContainerAsync(new() { ContainerId = new string('c', 10 * 1024 * 1024) });

        Assert.Equal(("StopContainer", "OK"), Assert.Single(server.Recorded));
    }

    private sealed class Service(Func<ServerCallContext, Task> behaviour) : Protos.RuntimeService.RuntimeServiceBase
    {
        public override async Task<Protos.StopContainerResponse> StopContainer(Protos.StopContainerRequest request, ServerCallContext context)
        {
            await behaviour(context);
            return new();
        }

        public override Task<Protos.ListContainersResponse> ListContainers(Protos.ListContainersRequest request, ServerCallContext context) =>
            Task.FromResult(new Protos.ListContainersResponse());
    }

    // As a method of the API that this gateway does not know yet.
    private sealed class NothingService : Protos.RuntimeService.RuntimeServiceBase;
}
