using System.Net.Sockets;
using Berth.Plugins.ShimV2.Protocol;
using Berth.Plugins.ShimV2.Ttrpc;
using Google.Protobuf;
using Xunit;

namespace Berth.Tests.Unit.ShimV2;

public sealed class TtrpcClientTests : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public TtrpcClientTests()
    {
        _listener.Bind(new UnixDomainSocketEndPoint(Path));
        _listener.Listen();
    }

    private string Path => System.IO.Path.Combine(_folder.Path, "s");

    public ValueTask DisposeAsync()
    {
        _listener.Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Calls_AnsweredInReverse_EachGetTheirOwn()
    {
        await using var client = await ConnectAsync();
        await using var server = await AcceptAsync();
        var calls = Enumerable.Range(0, 20).Select(i => CallAsync(client, $"m{i}")).ToList();
        var requests = new List<(uint Stream, Request Request)>();
        foreach (var _ in calls)
        {
            var frame = await Frame.ReadAsync(server, CancellationToken.None);
            requests.Add((frame!.Stream, Request.Parser.ParseFrom(frame.Data)));
        }

        Assert.All(requests, static r => Assert.Equal(1u, r.Stream % 2));
        Assert.Equal(requests.Count, requests.Select(static r => r.Stream).Distinct().Count());
        Assert.All(requests, static r => Assert.Equal(("containerd-namespace-ttrpc", "ns"), (r.Request.Metadata[0].Key, r.Request.Metadata[0].Value)));
        foreach (var (stream, request) in requests.AsEnumerable().Reverse())
        {
            await AnswerAsync(server, stream, new() { Payload = new KeyValue { Key = request.Method }.ToByteString() });
        }

        Assert.Equal(Enumerable.Range(0, 20).Select(static i => $"m{i}"), (await Task.WhenAll(calls)).Select(static a => a.Key));
    }

    [Fact]
    public async Task Call_RefusedByTheServer_HasItsCodeAndWords()
    {
        await using var client = await ConnectAsync();
        await using var server = await AcceptAsync();
        var call = CallAsync(client, "m");
        await AnswerAsync(server, (await Frame.ReadAsync(server, CancellationToken.None))!.Stream, new() { Status = new() { Code = 5, Message = "not there" } });
        var failure = await Assert.ThrowsAsync<TtrpcException>(() => call);
        Assert.Equal((TtrpcCode.NotFound, "not there"), (failure.Code, failure.Message));
    }

    [Fact]
    public async Task Calls_OnAConnectionThatCloses_AllFailAsUnavailable()
    {
        await using var client = await ConnectAsync();
        var server = await AcceptAsync();
        var calls = Enumerable.Range(0, 5).Select(i => CallAsync(client, $"m{i}")).ToList();
        await Frame.ReadAsync(server, CancellationToken.None);
        await server.DisposeAsync();
        foreach (var call in calls.Append(CallAfterAsync(client)))
        {
            Assert.Equal(TtrpcCode.Unavailable, (await Assert.ThrowsAsync<TtrpcException>(() => call)).Code);
        }
    }

    [Fact]
    public async Task Call_WithALimit_TellsTheServerAndEnds()
    {
        await using var client = await ConnectAsync();
        await using var server = await AcceptAsync();
        var call = client.CallAsync("s", "m", new KeyValue(), KeyValue.Parser, TimeSpan.FromMilliseconds(20), CancellationToken.None);
        var frame = await Frame.ReadAsync(server, CancellationToken.None);
        Assert.Equal(20_000_000, Request.Parser.ParseFrom(frame!.Data).TimeoutNano);
        Assert.Equal(TtrpcCode.DeadlineExceeded, (await Assert.ThrowsAsync<TtrpcException>(() => call)).Code);
        // A late answer disturbs nobody.
        await AnswerAsync(server, frame.Stream, new());
        var next = CallAsync(client, "n");
        await AnswerAsync(server, (await Frame.ReadAsync(server, CancellationToken.None))!.Stream, new());
        Assert.Equal("", (await next).Key);
    }

    [Fact]
    public async Task Server_ThatBreaksTheProtocol_CostsTheConnection()
    {
        await using var client = await ConnectAsync();
        await using var server = await AcceptAsync();
        var call = CallAsync(client, "m");
        await server.WriteAsync(new byte[] { 255, 255, 255, 255, 0, 0, 0, 1, 2, 0 });
        Assert.Equal(TtrpcCode.Unavailable, (await Assert.ThrowsAsync<TtrpcException>(() => call)).Code);
        await client.Closed;
    }

    private static async Task<KeyValue> CallAfterAsync(TtrpcClient client)
    {
        await client.Closed;
        return await CallAsync(client, "late");
    }

    private static Task<KeyValue> CallAsync(TtrpcClient client, string method) =>
        client.CallAsync("service", method, new KeyValue(), KeyValue.Parser, null, CancellationToken.None);

    private static async Task AnswerAsync(NetworkStream server, uint stream, Response response) =>
        await server.WriteAsync(new Frame(stream, Frame.Response, response.ToByteArray()).ToBytes());

    private Task<TtrpcClient> ConnectAsync() => TtrpcClient.ConnectAsync("unix://" + Path, "ns", CancellationToken.None);

    private async Task<NetworkStream> AcceptAsync() => new(await _listener.AcceptAsync(), ownsSocket: true);
}
