using System.Text;
using System.Text.Json;
using Berth.Streaming;
using Berth.Streaming.Sessions;
using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Berth.Tests.Unit.Streaming;

public sealed class SessionTests
{
    [Theory]
    [InlineData("""{"Width":80,"Height":24}""", 80, 24)]
    [InlineData("""{"Width":80,"Height":24}{"width":132,"height":50}""", 132, 50)]
    [InlineData("""{"Width":65535,"Height":24}""", 1000, 24)]
    [InlineData("""nonsense}{"Width":81,"Height":25}""", 81, 25)]
    public void Sizes_TheLastWholeOne_Counts(string text, int columns, int rows)
    {
        Assert.Equal((columns, rows), new TerminalSizes().Last(Encoding.UTF8.GetBytes(text)));
        var parser = new TerminalSizes();
        var bytes = text.Select(c => parser.Last([(byte)c])).ToList();
        Assert.Equal((columns, rows), bytes.Last(static s => s is not null));
    }

    [Theory]
    [InlineData("""{"Width":0,"Height":24}""")]
    [InlineData("""{"Width":80}""")]
    [InlineData("""{"Width":70000,"Height":24}""")]
    [InlineData("""{"Width":80,"Height":24""")]
    public void Sizes_WhatIsNone_IsSkipped(string text) => Assert.Null(new TerminalSizes().Last(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void Sizes_AnyBytes_DoNoHarm() => Gen.Byte.Array[0, 600].Sample(static bytes => new TerminalSizes().Last(bytes) is null or { Columns: <= 1000, Rows: <= 1000 });

    [Fact]
    public void Status_OfACode_IsWhatClientsRead()
    {
        using var json = JsonDocument.Parse(SessionStatus.Exited(137).Json);
        Assert.Equal("Failure", json.RootElement.GetProperty("status").GetString());
        Assert.Equal("NonZeroExitCode", json.RootElement.GetProperty("reason").GetString());
        var cause = json.RootElement.GetProperty("details").GetProperty("causes")[0];
        Assert.Equal(("ExitCode", "137"), (cause.GetProperty("reason").GetString(), cause.GetProperty("message").GetString()));
        Assert.Equal("", SessionStatus.Exited(0).Text);
        Assert.Equal("""{"metadata":{},"status":"Success"}""", SessionStatus.Exited(0).Json);
    }

    [Fact]
    public void Idle_OnlySilence_Expires()
    {
        var time = new FakeTimeProvider();
        using var idle = new IdleTimer(time, TimeSpan.FromHours(4));
        time.Advance(TimeSpan.FromHours(3));
        idle.Touch();
        time.Advance(TimeSpan.FromHours(3));
        Assert.False(idle.Expired.IsCancellationRequested);
        time.Advance(TimeSpan.FromHours(1));
        Assert.True(idle.Expired.IsCancellationRequested);
    }

    [Fact]
    public void Idle_CallbackThatRunsWhileTheSessionEnds_ThrowsNothing()
    {
        var timers = new LateTimers();
        var idle = new IdleTimer(timers, TimeSpan.FromHours(4));
        var expired = idle.Expired;
        idle.Dispose();
        timers.Fire();
        Assert.True(expired.IsCancellationRequested);
    }

    // A timer's callback may have begun when the timer is disposed of.
    private sealed class LateTimers : TimeProvider
    {
        private Action _fire = static () => { };

        public void Fire() => _fire();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _fire = () => callback(state);
            return System.CreateTimer(static _ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }
}
