using System.Collections.Concurrent;
using Berth.Containers;
using Berth.Linux;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Berth.Tests.Unit.Containers;

/// <summary>Lists of hundreds of containers look at no file: what is counted is the walks, and when they are taken.</summary>
public sealed class WritableLayersTests : IAsyncLifetime
{
    private static readonly string[] Ids = [.. Enumerable.Range(0, 500).Select(static i => $"c{i}")];

    private readonly FakeTimeProvider _time = new();
    private readonly ConcurrentQueue<string> _walks = new();
    private readonly WritableLayers _layers;
    private Func<string, TreeUsage> _walk = static _ => new(4096, 3);

    public WritableLayersTests() => _layers = new(
        id =>
        {
            _walks.Enqueue(id);
            return _walk(id);
        },
        _time,
        NullLogger<WritableLayers>.Instance);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _layers.StopAsync(CancellationToken.None);
        _layers.Dispose();
    }

    [Fact]
    public async Task Last_OfFiveHundred_WalksNothingInTheCall()
    {
        Assert.All(Ids, id => Assert.Null(_layers.Last(id)));
        Assert.All(Ids, id => Assert.Null(_layers.Last(id)));
        Assert.Empty(_walks);

        // Each once, however often it was asked for.
        await MeasuredAsync();
        Assert.Equal(Ids, _walks);
        Assert.All(Ids, id => Assert.Equal(new(4096, 3), _layers.Last(id)));
        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.All(Ids, id => Assert.Equal(new(4096, 3), _layers.Last(id)));
        Assert.Equal(Ids.Length, _walks.Count);
    }

    [Fact]
    public async Task Last_OfAnOldMeasure_IsTheOldOne_AndTheNextIsNew()
    {
        await MeasuredAsync();
        _walk = static _ => new(8192, 4);
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(new(4096, 3), _layers.Last("c7"));
        await UntilAsync(() => _layers.Last("c7") == new TreeUsage(8192, 4));
        Assert.Equal(Ids.Length + 1, _walks.Count);
    }

    [Fact]
    public async Task Get_NeverMeasured_WalksNow()
    {
        Assert.Equal(new(4096, 3), await _layers.GetAsync("one", default));
        Assert.Equal(new(4096, 3), await _layers.GetAsync("one", default));
        Assert.Single(_walks);
    }

    [Fact]
    public async Task Walk_OfALayerThatCannotBeRead_LeavesTheLastMeasure()
    {
        await MeasuredAsync();
        _walk = static id => id == "c7" ? throw new IOException("the disk fails") : new(8192, 4);
        _time.Advance(TimeSpan.FromSeconds(30));
        _layers.Last("c7");
        _layers.Last("c8");
        await UntilAsync(() => _layers.Last("c8") == new TreeUsage(8192, 4));
        Assert.Equal(new(4096, 3), _layers.Last("c7"));
    }

    [Fact]
    public async Task Forget_WhileItIsMeasured_KeepsNothing()
    {
        _walk = id =>
        {
            _layers.Forget(id);
            return new(1, 1);
        };
        Assert.Null(await _layers.GetAsync("gone", default));
    }

    private async Task MeasuredAsync()
    {
        _ = Ids.Select(_layers.Last).ToList();
        await _layers.StartAsync(CancellationToken.None);
        await UntilAsync(() => _layers.Last(Ids[^1]) is not null);
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        var limit = Environment.TickCount64 + 30_000;
        while (!condition())
        {
            Assert.True(Environment.TickCount64 < limit, "it never came");
            await Task.Delay(1);
        }
    }
}
