using System.Text;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Plugins.Vm;
using Microsoft.Extensions.Time.Testing;
using Moq;
using Xunit;

namespace Berth.Tests.Unit.Vm;

/// <summary>Output that meets a full disk: it waits, and goes on where it was.</summary>
public sealed class PatientOutputTests : IDisposable
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _time = new();
    private readonly Mock<IPluginLog> _reports = new();
    private long _offset;

    public void Dispose()
    {
        MountTable.UnmountBeneath(_folder.Path);
        _folder.Dispose();
    }

    [Fact]
    public async Task Output_OnAFullDisk_ComesWholeAndInOrderOnceThereIsRoom()
    {
        var (disk, filler) = (Path.Combine(_folder.Path, "disk"), Path.Combine(_folder.Path, "disk/filler"));
        Directory.CreateDirectory(disk);
        Mounts.Tmpfs(disk, 64 * 1024, "0755");
        using var log = ContainerLog.Create(Path.Combine(disk, "0.log"), Path.Combine(_folder.Path, "position"), _time);
        using var output = new PatientOutput(_reports.Object, _time);
        Assert.True(await PassAsync(output, log, "before\n"));
        // A page is left, which takes a part of what comes.
        await File.WriteAllBytesAsync(filler, new byte[56 * 1024]);
        var texts = new[] { Lines('a', 6000), "short\n", Lines('b', 3000) };
        var passing = texts.Select(t => PassAsync(output, log, t)).ToList();
        _time.Advance(Second);
        Assert.All(passing, static p => Assert.False(p.IsCompleted));
        _reports.Verify(static r => r.Write(PluginLogLevel.Error, It.Is<string>(m => m.Contains("waits"))), Times.Once);

        File.Delete(filler);
        while (passing.Exists(static p => !p.IsCompleted))
        {
            _time.Advance(Second);
            await Task.Yield();
        }

        Assert.All(passing, static p => Assert.True(p.Result));
        var written = File.ReadAllLines(Path.Combine(disk, "0.log")).Select(static l => l.Split(' ', 4)[3]);
        Assert.Equal(("before\n" + string.Concat(texts)).TrimEnd('\n').Split('\n'), written);
    }

    [Fact]
    public async Task Output_ThatNobodyWaitsForAnyMore_IsNotSafe()
    {
        var output = new PatientOutput(_reports.Object, _time);
        var passing = output.PassAsync(1, static () => throw new IOException("No space left on device"), 1);
        Assert.False(passing.IsCompleted);
        output.Dispose();
        Assert.False(await passing);
        Assert.False(await output.PassAsync(1, static () => Task.CompletedTask, 1));
    }

    [Fact]
    public async Task Output_BeyondWhatAnAgentMaySend_IsNotKept()
    {
        using var output = new PatientOutput(_reports.Object, _time);
        var taken = new TaskCompletionSource();
        var slow = output.PassAsync(500_000, () => taken.Task, 1);
        Assert.False(await output.PassAsync(100_000, static () => Task.CompletedTask, 1));
        taken.SetResult();
        Assert.True(await slow);
        Assert.True(await output.PassAsync(100_000, static () => Task.CompletedTask, 1));
    }

    private static string Lines(char letter, int bytes) => string.Concat(Enumerable.Repeat(new string(letter, 99) + "\n", bytes / 100));

    private Task<bool> PassAsync(PatientOutput output, ContainerLog log, string text)
    {
        var (offset, bytes) = (_offset, Encoding.ASCII.GetBytes(text));
        _offset += bytes.Length;
        return output.PassAsync(
            bytes.Length,
            () =>
            {
                log.Append(false, offset, bytes);
                return Task.CompletedTask;
            },
            1);
    }
}
