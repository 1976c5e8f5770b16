using Berth.Guest.Protocol;
using Berth.Plugins.Vm;
using Xunit;

namespace Berth.Tests.Unit.Vm;

/// <summary>Input for the guest: never beyond the window, never with a gap.</summary>
public sealed class GuestStreamTests
{
    private readonly GuestStream _stream = new();
    private readonly List<(long Offset, int Bytes)> _pieces = [];

    [Fact]
    public async Task Send_OfMoreThanTheWindow_WaitsForRoom()
    {
        var sending = SendAsync(ProtocolFacts.InputWindow + 10);
        Assert.False(sending.IsCompleted);
        Assert.Equal([(0, ProtocolFacts.InputWindow)], _pieces);
        _stream.Taken(4);
        _stream.TakenMore(100);
        await sending.WaitAsync(TimeSpan.FromSeconds(30));
        AssertWithoutGaps(ProtocolFacts.InputWindow + 10);
    }

    [Fact]
    public async Task Send_BySeveralAtATime_LeavesNoGapAndForgetsNobody()
    {
        var sending = Task.WhenAll(Enumerable.Range(0, 5).Select(_ => Task.Run(() => SendAsync(ProtocolFacts.InputWindow))));
        while (!sending.IsCompleted)
        {
            lock (_pieces)
            {
                _stream.Taken(_pieces.Count == 0 ? 0 : _pieces[^1].Offset + _pieces[^1].Bytes);
            }

            // Not a bare yield: on a busy machine that keeps the senders from their threads.
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }

        await sending;
        AssertWithoutGaps(5L * ProtocolFacts.InputWindow);
    }

    [Fact]
    public async Task Restart_BeginsWhereTheAgentIs()
    {
        await SendAsync(100);
        _stream.Restart(60);
        await SendAsync(5);
        Assert.Equal((60, 5), _pieces[^1]);
    }

    private Task SendAsync(int bytes) => _stream.SendAsync(new byte[bytes], Keep, CancellationToken.None);

    private void Keep(long offset, ReadOnlyMemory<byte> piece)
    {
        lock (_pieces)
        {
            _pieces.Add((offset, piece.Length));
        }
    }

    private void AssertWithoutGaps(long bytes)
    {
        var next = 0L;
        foreach (var (offset, count) in _pieces)
        {
            Assert.Equal(next, offset);
            next += count;
        }

        Assert.Equal(bytes, next);
    }
}
