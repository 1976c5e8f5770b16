using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Linux;

public sealed class CgroupsTests : IAsyncLifetime
{
    private readonly Cgroups _cgroups = new(CgroupLayout.Detect());
    private readonly string _top = $"/berth-unit-{Guid.NewGuid():N}";

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _cgroups.KillAsync(_top, default);
        await _cgroups.RemoveAsync(_top, default);
    }

    [Fact]
    public async Task Create_NewPath_MakesExactlyWhatWasPlanned()
    {
        var planned = _cgroups.Plan($"{_top}/pod", new HashSet<string>());
        Assert.All(planned, static f => Assert.False(Directory.Exists(f)));

        _cgroups.Create($"{_top}/pod");
        _cgroups.Create($"{_top}/pod");

        Assert.NotEmpty(planned);
        Assert.All(planned, static f => Assert.True(Directory.Exists(f)));
        Assert.Empty(_cgroups.Plan($"{_top}/pod", new HashSet<string>()));

        await Cgroups.RemovePlannedAsync($"{_top}/pod", planned, default);
        Assert.All(planned, static f => Assert.False(Directory.Exists(f)));
        await Cgroups.RemovePlannedAsync($"{_top}/pod", planned, default);
    }

    /// <summary>As systemd does it: a parent that has nobody left goes, whoever is about to come.</summary>
    [Fact]
    public async Task Create_ParentGoesMeanwhile_IsMadeAgainAndOwned()
    {
        using var stop = new CancellationTokenSource();
        var folders = _cgroups.Layout.Hierarchies.Select(h => h.Folder(_top)).ToList();
        var remover = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                folders.ForEach(TryRemove);
                await Task.Delay(1, CancellationToken.None);
            }
        });
        for (var i = 0; i < 200; i++)
        {
            _cgroups.Create(_top, new HashSet<string>(), static _ => { });
            IReadOnlyList<string> planned = [];
            _cgroups.Create($"{_top}/pod", new HashSet<string>(), p => planned = p);
            Assert.True(_cgroups.Exists($"{_top}/pod"));
            await Cgroups.RemovePlannedAsync($"{_top}/pod", planned, default);
            Assert.False(_cgroups.Exists($"{_top}/pod"));
        }

        await stop.CancelAsync();
        await remover;
    }

    [Fact]
    public async Task RemovePlanned_ParentInUseByAnother_StaysForIt()
    {
        var planned = _cgroups.Plan($"{_top}/pod", new HashSet<string>());
        _cgroups.Create($"{_top}/pod");
        _cgroups.Create($"{_top}/other");

        await Cgroups.RemovePlannedAsync($"{_top}/pod", planned, default);

        Assert.True(_cgroups.Exists($"{_top}/other"));
        Assert.False(_cgroups.Exists($"{_top}/pod"));
    }

    [Fact]
    public async Task Kill_TreeOfProcessesThatFork_LeavesNoneAndRemoves()
    {
        _cgroups.Create($"{_top}/pod/child");
        using var process = ChildProcess.Start(new()
        {
            Path = "/bin/sh",
            Arguments = ["-c", "sleep 1000 & sleep 1000 & while true; do sleep 0.01; done"],
        });
        Assert.True(_cgroups.Enter($"{_top}/pod/child", process.Pid));
        Assert.Equal($"{_top}/pod/child", _cgroups.PathOf(process.Pid, "memory"));
        Assert.Contains(process.Pid, _cgroups.Pids(_top));

        await Assert.ThrowsAsync<LinuxException>(() => _cgroups.RemoveAsync($"{_top}/pod", default));
        await _cgroups.KillAsync($"{_top}/pod", default);

        Assert.Equal(128 + 9, await process.WaitAsync(default));
        Assert.Empty(_cgroups.Pids(_top));
        await _cgroups.RemoveAsync($"{_top}/pod", default);
        Assert.False(_cgroups.Exists($"{_top}/pod"));
    }

    [Fact]
    public async Task AbsentCgroup_EveryRemoval_IsSuccess()
    {
        await _cgroups.KillAsync($"{_top}/none", default);
        await _cgroups.RemoveAsync($"{_top}/none", default);

        Assert.Empty(_cgroups.Pids($"{_top}/none"));
    }

    [Fact]
    public async Task Enter_ProcessGone_IsFalse()
    {
        _cgroups.Create(_top);
        using var process = ChildProcess.Start(new() { Path = "/bin/true" });
        await process.WaitAsync(default);

        Assert.False(_cgroups.Enter(_top, process.Pid));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("/a/../b")]
    [InlineData("/a//b")]
    [InlineData("/")]
    public void Create_PathThatClimbsOrIsNone_IsRefused(string path) => Assert.Throws<ArgumentException>(() => _cgroups.Create(path));

    private static void TryRemove(string folder)
    {
        try
        {
            Directory.Delete(folder);
        }
        catch (IOException)
        {
            // It is in use, or not there.
        }
    }
}
