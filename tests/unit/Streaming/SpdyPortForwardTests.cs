using System.Text;
using Berth.Configuration;
using Berth.Sandboxes;
using Berth.State;
using Berth.Streaming;
using Berth.Streaming.Sessions;
using Berth.Streaming.Spdy;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Berth.Tests.Unit.Streaming;

/// <summary>Clients that do not keep to the pairs of streams: each stream gets its answer, and the others go on.</summary>
public sealed class SpdyPortForwardTests : IDisposable
{
    private const string NotReady = "pod sandbox gone is not ready";

    private readonly TempFolder _folder = new();
    private readonly StateDatabase _database;
    private readonly FakeTimeProvider _time = new();
    private readonly PortForwarder _forwarder;
    private readonly PortForwardTicket _ticket = new("gone", []);

    public SpdyPortForwardTests()
    {
        _database = new(Path.Combine(_folder.Path, "berth.db"));
        // Every connection fails in its own words, which shows that its pair was found.
        _forwarder = new(new PodDialer(new SandboxRegistry(_database), null!, null!), _time);
    }

    public void Dispose()
    {
        _database.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("data", "0")]
    [InlineData("data", "65536")]
    [InlineData("error", "http")]
    [InlineData("error", "-1")]
    [InlineData("data", null)]
    [InlineData("resize", "80")]
    [InlineData(null, "80")]
    public async Task Stream_OfNoPortOrNoKnownType_IsReset_AndTheNextPairGoesOn(string? type, string? port)
    {
        await using var client = new TestPeer(Forward());
        var headers = Headers(type, port, "1");
        await client.OpenAsync(1, headers);
        Assert.Equal([(SpdyWire.RstStream, 1u)], await client.ReadFramesAsync(1));
        await client.OpenAsync(3, Headers("error", "80", "2"));
        await client.OpenAsync(5, Headers("data", "80", "2"));
        Assert.Contains(NotReady, await ErrorAsync(client, 3), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pair_WithoutARequestId_IsTheErrorStreamAndTheNextDataStream()
    {
        await using var client = new TestPeer(Forward());
        await client.OpenAsync(1, Headers("error", "80", null));
        await client.OpenAsync(3, Headers("data", "80", null));
        Assert.Contains(NotReady, await ErrorAsync(client, 1), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("error")]
    [InlineData("data")]
    public async Task SameTypeTwice_OfOneRequest_TheSecondIsReset(string type)
    {
        await using var client = new TestPeer(Forward());
        await client.OpenAsync(1, Headers(type, "80", "7"));
        await client.OpenAsync(3, Headers(type, "80", "7"));
        Assert.Equal([(SpdyWire.SynReply, 1u), (SpdyWire.SynReply, 3u), (SpdyWire.RstStream, 3u)], await client.ReadFramesAsync(3));
        await client.OpenAsync(5, Headers(type == "data" ? "error" : "data", "80", "7"));
        Assert.Contains(NotReady, await ErrorAsync(client, type == "data" ? 5u : 1u), StringComparison.Ordinal);
    }

    [Fact]
    public async Task HalfAPair_WhoseOtherHalfNeverComes_IsToldSo()
    {
        await using var client = new TestPeer(Forward());
        await client.OpenAsync(1, Headers("error", "80", "7"));
        await client.OpenAsync(3, Headers("data", "81", "8"));
        await client.ReadFramesAsync(2);
        var (error, reset) = ("", false);
        while (error.Length == 0 || !reset)
        {
            _time.Advance(TimeSpan.FromSeconds(30));
            var (type, id, content) = await client.ReadAsync();
            error += type == 0 && id == 1 ? Encoding.UTF8.GetString(content) : "";
            reset |= type == SpdyWire.RstStream && id == 3;
        }

        Assert.Contains("no other stream came for request 7", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Session_InWhichNothingMoves_IsEndedAfterTheTimeThatIsConfigured()
    {
        var idle = TimeSpan.FromMinutes(10);
        var serving = new SpdyServing(null!, _forwarder, new StreamingOptions { IdleTime = idle }, _time);
        await using var client = new TestPeer(transport => RunAsync(serving, transport));
        _time.Advance(idle - TimeSpan.FromSeconds(1));
        // Anything that moves begins it anew, a stream that is refused too. What is read before are pings.
        await client.OpenAsync(1, Headers("none", "80", "1"));
        while ((await client.ReadAsync()).Type != SpdyWire.RstStream)
        {
            Assert.False(client.Running.IsCompleted);
        }

        _time.Advance(idle - TimeSpan.FromSeconds(1));
        Assert.False(client.Running.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));
        await client.Running.WaitAsync(TimeSpan.FromSeconds(30));
    }

    private async Task RunAsync(SpdyServing serving, Stream transport)
    {
        try
        {
            await serving.RunAsync(transport, _ticket, SpdyPortForward.Protocol, static () => { }, CancellationToken.None);
        }
        catch (OperationCanceledException)
        {
            // So it ends when nothing moves.
        }
    }

    private SpdyPortForward Forward() => new(_ticket, _forwarder, _time, CancellationToken.None);

    private static async Task<string> ErrorAsync(TestPeer client, uint stream)
    {
        while (true)
        {
            var (type, id, content) = await client.ReadAsync();
            if (type == 0 && id == stream && content.Length > 0)
            {
                return Encoding.UTF8.GetString(content);
            }
        }
    }

    private static Dictionary<string, string> Headers(string? type, string? port, string? request)
    {
        var headers = new Dictionary<string, string>();
        foreach (var (name, value) in ((string, string?)[])[("streamtype", type), ("port", port), ("requestid", request)])
        {
            if (value is not null)
            {
                headers[name] = value;
            }
        }

        return headers;
    }
}
