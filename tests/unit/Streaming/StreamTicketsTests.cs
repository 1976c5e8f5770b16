using Berth.Abstractions;
using Berth.Streaming;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Berth.Tests.Unit.Streaming;

public sealed class StreamTicketsTests
{
    private static readonly PortForwardTicket Ticket = new("pod", []);
    private readonly FakeTimeProvider _time = new();
    private readonly StreamTickets _tickets;

    public StreamTicketsTests() => _tickets = new(_time);

    [Fact]
    public void Token_IsGoodOnce()
    {
        var token = _tickets.Issue(Ticket);
        Assert.Same(Ticket, _tickets.Take(token));
        Assert.Null(_tickets.Take(token));
        Assert.Null(_tickets.Take("guessed"));
    }

    [Fact]
    public void Token_IsGoodForAMinute()
    {
        var (early, late) = (_tickets.Issue(Ticket), _tickets.Issue(Ticket));
        _time.Advance(StreamTickets.Lifetime - TimeSpan.FromTicks(1));
        Assert.NotNull(_tickets.Take(early));
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Null(_tickets.Take(late));
    }

    [Fact]
    public void Tokens_AreBounded_AndRoomComesBack()
    {
        var tokens = Enumerable.Range(0, StreamTickets.Limit).Select(_ => _tickets.Issue(Ticket)).ToList();
        Assert.Equal(tokens.Count, tokens.Distinct().Count());
        Assert.Equal(RuntimeErrorCode.ResourceExhausted, Assert.Throws<RuntimeException>(() => _tickets.Issue(Ticket)).Code);
        _tickets.Take(tokens[500]);
        _tickets.Issue(Ticket);
        Assert.Throws<RuntimeException>(() => _tickets.Issue(Ticket));
        _time.Advance(StreamTickets.Lifetime);
        _tickets.Issue(Ticket);
    }

    [Fact]
    public void Token_HasMoreBitsThan_AnybodyGuesses()
    {
        var token = _tickets.Issue(Ticket);
        Assert.True(token.Length * 6 >= 128, token);
        Assert.All(token, static c => Assert.True(char.IsAsciiLetterOrDigit(c) || c is '-' or '_'));
    }
}
