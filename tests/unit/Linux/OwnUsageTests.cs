using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Linux;

public sealed class OwnUsageTests
{
    [Fact]
    public void Descriptors_FollowsWhatIsOpen()
    {
        using var usage = new OwnUsage();
        const int Many = 2000;
        var before = usage.Descriptors;
        var files = Enumerable.Range(0, Many).Select(static _ => File.OpenHandle("/dev/null")).ToList();
        // Other tests run beside this one, and numbers may have been free here and there.
        Assert.InRange(usage.Descriptors, Many, before + (2 * Many));
        files.ForEach(static f => f.Dispose());
        Assert.True(usage.Descriptors < Many);
        Assert.InRange(OwnUsage.DescriptorLimit, Many, int.MaxValue);
    }

    [Fact]
    public void Threads_FollowsWhatRuns()
    {
        using var usage = new OwnUsage();
        using var end = new ManualResetEventSlim();
        const int Many = 200;
        var before = usage.Threads;
        var threads = Enumerable.Range(0, Many).Select(_ => new Thread(end.Wait, 64 << 10)).ToList();
        threads.ForEach(static t => t.Start());
        Assert.InRange(usage.Threads, Many, before + (2 * Many));
        Assert.InRange(usage.ThreadLimit(CgroupLayout.Detect()), usage.Threads - Many, 1 << 22);
        end.Set();
        threads.ForEach(static t => t.Join());
    }
}
