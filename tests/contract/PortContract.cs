using System.Net.Sockets;
using Berth.Abstractions;

namespace Berth.Tests.Contract;

/// <summary>Connections to ports of a pod that the gateway cannot dial itself.</summary>
public sealed class PortContract
{
    private const int Echo = 8081;

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task OpenPort_ToAServer_CarriesBothWaysAndTheirEnds(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.OpensPorts);
        await turn.Pod.RunAsync($"while :; do nc -l -p {Echo} -e cat; done");
        var sent = new byte[500_000];
        new Random(7).NextBytes(sent);
        for (var round = 0; round < 2; round++)
        {
            using var socket = await ConnectAsync(turn.Pod.Sandbox);
            using var received = new MemoryStream();
            await using var stream = new NetworkStream(socket);
            var receiving = stream.CopyToAsync(received);
            await stream.WriteAsync(sent);
            socket.Shutdown(SocketShutdown.Send);
            await receiving.Soon();
            Assert.True(received.ToArray().AsSpan().SequenceEqual(sent), $"{received.Length} bytes came back");
        }
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task OpenPort_ClosedByTheClient_IsClosedForTheServer(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.OpensPorts);
        // It ends with the connection, and not before: it never stops sending.
        var server = await turn.Pod.RunAsync($"nc -l -p {Echo} -e yes");
        using (var socket = await ConnectAsync(turn.Pod.Sandbox))
        {
            await socket.ReceiveAsync(new byte[16]).Soon();
        }

        Assert.NotNull(await server.Init.Exit.Soon());
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task OpenPort_NobodyListens_SaysSo(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.OpensPorts);
        var failure = await Assert.ThrowsAsync<RuntimeException>(() => turn.Pod.Sandbox.OpenPortAsync(4999, CancellationToken.None));
        Assert.Equal(RuntimeErrorCode.Unavailable, failure.Code);
        Assert.Contains("4999", failure.Message, StringComparison.Ordinal);
    }

    // The server may not listen yet.
    private static async Task<Socket> ConnectAsync(ISandbox sandbox)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            try
            {
                return new(new SafeSocketHandle(await sandbox.OpenPortAsync(Echo, limit.Token), ownsHandle: true));
            }
            catch (RuntimeException e) when (e.Code == RuntimeErrorCode.Unavailable)
            {
                await Task.Delay(20, limit.Token);
            }
        }
    }
}
