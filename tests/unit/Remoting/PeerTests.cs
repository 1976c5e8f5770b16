using Berth.Abstractions;
using Berth.Linux;
using Berth.Remoting.Wire;
using Xunit;

namespace Berth.Tests.Unit.Remoting;

/// <summary>Two ends of a socket, one of which may be hostile.</summary>
public sealed class PeerTests : IDisposable
{
    private readonly SafeFd _ours;
    private readonly SafeFd _theirs;

    public PeerTests() => (_ours, _theirs) = SafeFd.SocketPair();

    public void Dispose()
    {
        _ours.Dispose();
        _theirs.Dispose();
    }

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Call_WithADescriptor_ArrivesWithIt()
    {
        var (read, write) = SafeFd.Pipe();
        using var near = Start(_ours, static (_, _, _) => Task.CompletedTask);
        using var far = Start(_theirs, async (peer, frame, _) =>
        {
            using (var got = Assert.Single(frame.Descriptors))
            {
                got.Write("hello"u8);
            }

            var request = WireJson.ReadRequest(frame.Body.Span);
            await peer.AnswerAsync(frame.Call, new() { Id = request.Text, Pid = 7 }, [SafeFd.Duplicate(read.Number)]);
        });

        var answer = await near.CallAsync(new() { Verb = Verb.Ping, Text = new string('x', 300_000) }, [write.Number], Cancelled);

        write.Dispose();
        Assert.Equal((300_000, 7), (answer.Message.Id!.Length, answer.Message.Pid));
        var buffer = new byte[16];
        using var pipe = Assert.Single(answer.Descriptors);
        Assert.Equal(5, pipe.Read(buffer));
        read.Dispose();
    }

    [Fact]
    public async Task Call_ThatIsCancelled_IsCancelledOnTheOtherSideAndWaitsForIt()
    {
        using var near = Start(_ours, static (_, _, _) => Task.CompletedTask);
        using var far = Start(_theirs, (peer, frame, token) =>
        {
            token.Register(() => _ = peer.AnswerAsync(frame.Call, new() { Id = "undone" }, []));
            return Task.CompletedTask;
        });
        using var cancel = new CancellationTokenSource();
        var call = near.CallAsync(new() { Verb = Verb.Ping }, [], cancel.Token);
        await cancel.CancelAsync();
        Assert.Equal("undone", (await call.WaitAsync(TimeSpan.FromSeconds(60), Cancelled)).Message.Id);
    }

    [Theory]
    [InlineData("47455420")] // GET
    [InlineData("FFFFFF7F0200000001000000000000007B7D")] // 2 GiB
    [InlineData("0200000009000000010000000000000000007B7D")] // no such kind
    [InlineData("02000000020000000100000000000000" + "7B7D")] // an answer to nobody
    [InlineData("02000000020300000100000000000000" + "7B7D")] // names descriptors that do not come
    public async Task Garbage_EndsTheConnection(string hex)
    {
        using var near = new Peer(new FrameSocket(_ours), static (_, _, _) => Task.CompletedTask);
        var running = near.RunAsync();
        _theirs.Write(Convert.FromHexString(hex));
        _theirs.Dispose();
        Assert.Contains("does not keep to the protocol", await running.WaitAsync(TimeSpan.FromSeconds(30), Cancelled), StringComparison.Ordinal);
        await Assert.ThrowsAsync<PeerGoneException>(() => near.CallAsync(new() { Verb = Verb.Ping }, [], Cancelled));
    }

    [Fact]
    public async Task AnswerThatIsNoAnswer_FailsItsCallAndTheConnection()
    {
        using var near = new Peer(new FrameSocket(_ours), static (_, _, _) => Task.CompletedTask);
        var running = near.RunAsync();
        using var far = new FrameSocket(SafeFd.Duplicate(_theirs.Number));
        var call = near.CallAsync(new() { Verb = Verb.Ping }, [], Cancelled);
        var frame = await far.ReceiveAsync(Cancelled);
        await far.SendAsync(FrameKind.Answer, frame!.Call, "{\"pid\":1}"u8.ToArray(), []);
        await Assert.ThrowsAsync<PeerGoneException>(() => call);
        Assert.Contains("does not keep to the protocol", await running, StringComparison.Ordinal);
    }

    [Fact]
    public async Task End_OfTheOtherSide_FailsWhatWaits()
    {
        using var near = Start(_ours, static (_, _, _) => Task.CompletedTask);
        var call = near.CallAsync(new() { Verb = Verb.Ping }, [], Cancelled);
        _theirs.Dispose();
        await Assert.ThrowsAsync<PeerGoneException>(() => call);
    }

    [Fact]
    public void Messages_WithEveryMemberThatCanBeNullNull_ComeBackAsTheyWere()
    {
        var network = new PodNetwork { NamespacePath = "/n", Interfaces = [new("eth0", null, 0, ["10.0.0.2/24"])], Routes = [new("0.0.0.0/0", null)] };
        var start = new StartSandboxRequest { Network = network, Sandbox = Sandbox() };
        var request = WireJson.ReadRequest(WireJson.Write(new WireRequest { Verb = Verb.StartSandbox, Start = start }));
        Assert.Equal(WireJson.Write(new WireRequest { Verb = Verb.StartSandbox, Start = start }), WireJson.Write(request));
        Assert.Equal(network.Interfaces[0].Name, request.Start!.Network!.Interfaces[0].Name);

        var usage = new ResourceUsage { Timestamp = DateTimeOffset.UnixEpoch, CpuPressure = new(new(1, 2, 3, 4), null) };
        var answer = WireJson.ReadAnswer(WireJson.Write(new WireAnswer { Usage = usage, Failure = new(null, "m"), Check = new() { Ready = true } }));
        Assert.Equal((usage, "1.0.2"), (answer.Usage, answer.Check!.OciVersion));
        Assert.Equal([RootfsForm.Mounted], answer.Check.Features.RootfsForms);
    }

    private static PrepareSandboxRequest Sandbox() => new()
    {
        SandboxId = "s",
        Pod = new() { Name = "n", Namespace = "ns", Uid = "u" },
        PrivateDirectory = "/p",
        BundlePath = "/b",
        Hostname = "h",
        Cgroup = new() { Path = "/c", OverheadPath = "/c/o" },
    };

    private static Peer Start(SafeFd socket, Func<Peer, Frame, CancellationToken, Task> serve)
    {
        var peer = new Peer(new FrameSocket(socket), serve);
        _ = peer.RunAsync();
        return peer;
    }
}
