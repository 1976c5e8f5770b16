using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Linux;

public sealed class FileLockTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("berth-lock-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Lock_TakenOverByAChild_IsHeldUntilItEnds()
    {
        Assert.False(FileLock.IsHeld(_folder));
        var (read, write) = SafeFd.Pipe();
        using var child = Hold(read);
        read.Dispose();
        Assert.True(FileLock.IsHeld(_folder));
        using (var other = SafeFd.OpenDirectory(_folder))
        {
            Assert.False(FileLock.TryTake(other));
        }

        write.Dispose();
        await child.WaitAsync(TestContext.Current.CancellationToken);
        Assert.False(FileLock.IsHeld(_folder));
        Assert.False(FileLock.IsHeld(Path.Combine(_folder, "none")));
    }

    private ChildProcess Hold(SafeFd untilClosed)
    {
        using var folder = SafeFd.OpenDirectory(_folder);
        Assert.True(FileLock.TryTake(folder));
        return ChildProcess.Start(new() { Path = "cat", Descriptors = new Dictionary<int, SafeFd> { [0] = untilClosed, [8] = folder } });
    }
}
