using Berth.Linux;
using Berth.Metrics;
using Xunit;

namespace Berth.Tests.Unit.Metrics;

public sealed class CgroupSamplerTests : IAsyncLifetime
{
    private readonly string _path = $"/berth-unit-{Guid.NewGuid():N}";
    private readonly Cgroups _cgroups = new(CgroupLayout.Detect());
    private readonly ManualTime _time = new();
    private readonly CgroupSampler _sampler;
    private ChildProcess? _process;

    public CgroupSamplerTests() => _sampler = new(_cgroups.Layout, _time);

    public ValueTask InitializeAsync()
    {
        _cgroups.Create(_path);
        _process = ChildProcess.Start(new() { Path = "/bin/sh", Arguments = ["-c", "while true; do :; done"] });
        Assert.True(_cgroups.Enter(_path, _process.Pid));
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await RemoveAsync();
        _process!.Dispose();
        _sampler.Dispose();
    }

    [Fact]
    public async Task Get_BusyProcess_HasItsUsage()
    {
        _sampler.Register("c1", _path);

        var first = await _sampler.GetAsync("c1", default);
        _time.Advance(TimeSpan.FromSeconds(2));
        var second = await GetUntilAsync(s => s.Usage.CpuNanoseconds > first!.Usage.CpuNanoseconds);

        Assert.Null(first!.UsageNanoCores);
        Assert.True(second.UsageNanoCores > 0);
        Assert.Equal(1UL, second.Usage.ProcessCount);
        Assert.NotNull(second.Usage.PageFaults);
        Assert.True(second.Usage.MemoryUsageBytes >= second.Usage.MemoryWorkingSetBytes);
        Assert.NotNull(second.Usage.MemoryRssBytes);
        Assert.Null(second.Usage.MemoryAvailableBytes);
    }

    [Fact]
    public async Task Last_OfMany_ReadsOnlyWhatWasNeverRead()
    {
        _sampler.Register("c1", _path);
        _sampler.Register("c2", _path);
        _sampler.Register("none", _path + "-none");
        var first = await _sampler.LastAsync(["c1", "c2", "none", "unknown"], default);
        Assert.Equal(["c1", "c2"], first.Keys.Order());

        // However old it is: the loop, not a list, looks again.
        _time.Advance(TimeSpan.FromMinutes(1));
        var second = await _sampler.LastAsync(["c1", "c2"], default);
        Assert.Same(first["c1"], second["c1"]);
        Assert.Same(first["c2"], second["c2"]);
    }

    [Fact]
    public async Task Get_SampleYoungerThanASecond_IsAnsweredAsItIs()
    {
        _sampler.Register("c1", _path);
        var first = await _sampler.GetAsync("c1", default);

        _time.Advance(TimeSpan.FromMilliseconds(900));

        Assert.Same(first, await _sampler.GetAsync("c1", default));
    }

    [Fact]
    public async Task Get_CgroupRemoved_AnswersWithTheLastSample()
    {
        _sampler.Register("c1", _path);
        var last = await _sampler.GetAsync("c1", default);
        await RemoveAsync();
        _time.Advance(TimeSpan.FromSeconds(5));

        Assert.Same(last, await _sampler.GetAsync("c1", default));
    }

    [Fact]
    public async Task Get_CgroupThatComesLater_IsFoundThen()
    {
        _sampler.Register("later", $"{_path}/later");
        Assert.Null(await _sampler.GetAsync("later", default));

        _cgroups.Create($"{_path}/later");

        Assert.NotNull(await _sampler.GetAsync("later", default));
    }

    [Fact]
    public async Task Get_UnknownOrUnregistered_IsNull()
    {
        _sampler.Register("c1", _path);
        _sampler.Unregister("c1");
        _sampler.Unregister("c1");

        Assert.Null(await _sampler.GetAsync("c1", default));
        Assert.Null(await _sampler.GetAsync("never", default));
    }

    private async Task<UsageSample> GetUntilAsync(Func<UsageSample, bool> condition)
    {
        while (true)
        {
            if (await _sampler.GetAsync("c1", default) is { } sample && condition(sample))
            {
                return sample;
            }

            _time.Advance(TimeSpan.FromSeconds(2));
        }
    }

    private async Task RemoveAsync()
    {
        if (_cgroups.Exists(_path))
        {
            await _cgroups.KillAsync(_path, default);
            await _process!.WaitAsync(default);
            await _cgroups.RemoveAsync(_path, default);
        }
    }

    private sealed class ManualTime : TimeProvider
    {
        private long _now = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Advance(TimeSpan by) => Interlocked.Add(ref _now, by.Ticks);

        public override long GetTimestamp() => Interlocked.Read(ref _now);
    }
}
