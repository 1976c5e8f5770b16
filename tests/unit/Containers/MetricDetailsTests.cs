using System.Globalization;
using Berth.Containers;
using Berth.Images;
using Berth.Linux;
using Berth.Tests.Unit.Cri;
using Berth.Tests.Unit.Images;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Berth.Tests.Unit.Containers;

/// <summary>Who scrapes is answered from memory, and the memory is kept fresh for those who scrape, not for nobody.</summary>
public sealed class MetricDetailsTests : IAsyncDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(10);

    private readonly TempFolder _folder = new();
    private readonly StoreFixture _store = new();
    private readonly FakeTimeProvider _time = new();
    private readonly MetricDetails _details;

    public MetricDetailsTests()
    {
        var layout = new CgroupLayout(CgroupMode.V2, [new(_folder.Path, true, ["cpu", "memory", "pids"])]);
        _details = new(new(layout), new(layout), new ImageFileSystem(_store.Database, _store.Folders, _time), _time);
        Directory.CreateDirectory(Path.Combine(_folder.Path, "c"));
        File.WriteAllText(Path.Combine(_folder.Path, "c", "cgroup.procs"), "");
        Write(1);
    }

    public async ValueTask DisposeAsync()
    {
        _details.Dispose();
        await _store.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Details_AreReadOnceForAScrape_AndThenAgainForTheNext()
    {
        await _details.StartAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1UL, await ThreadsAsync());
        Write(2);
        Assert.Equal(1UL, await ThreadsAsync());
        await UntilThreadsAsync(2);
        Assert.Equal(2UL, _details.OfPod(Records.Sandbox() with { Cgroup = new() { Path = "/c", OverheadPath = "/c/o" } })!.Threads);
        await _details.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Details_OfACgroupThatHasGone_AreForgotten()
    {
        await _details.StartAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1UL, await ThreadsAsync());
        Directory.Delete(Path.Combine(_folder.Path, "c"), recursive: true);
        await UntilThreadsAsync(null);
        await _details.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Details_ThatNobodyAsksForAnyMore_AreForgotten()
    {
        await _details.StartAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1UL, await ThreadsAsync());
        _time.Advance(Period);
        Assert.Equal(1, _details.Kept);
        await UntilAsync(() => Task.FromResult(_details.Kept == 0));
        await _details.StopAsync(TestContext.Current.CancellationToken);
    }

    private Task UntilThreadsAsync(ulong? threads) => UntilAsync(async () => await ThreadsAsync() == threads);

    private async Task UntilAsync(Func<Task<bool>> holds)
    {
        for (var tries = 0; !await holds(); tries++)
        {
            Assert.True(tries < 1000, "it does not come to that");
            _time.Advance(Period);
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    private async Task<ulong?> ThreadsAsync() => (await _details.OfContainersAsync([Records.Container() with { Id = "c1", CgroupPath = "/c" }]))["c1"].Cgroup?.Threads;

    private void Write(int threads) =>
        File.WriteAllText(Path.Combine(_folder.Path, "c", "pids.current"), threads.ToString(CultureInfo.InvariantCulture) + "\n");
}
