using Berth.Plugins.Docker;
using Xunit;

namespace Berth.Tests.Unit.Plugins.Docker;

public sealed class LogResumeTests
{
    [Theory]
    [InlineData("", 0, 0, "")]
    [InlineData("a\nb\n", 0, 2, "a\nb\n")]
    [InlineData("a\nb\nhal", 0, 2, "a\nb\n")]
    [InlineData("old\na\nhal", 4, 1, "old\na\n")]
    [InlineData("old\nhal", 4, 0, "old\n")]
    public void CutAndCount_OfACopyThatWasKilled_KeepsWholeLines(string content, long from, long lines, string left)
    {
        using var folder = new TempFolder();
        var path = folder.Write("log", content);
        Assert.Equal(lines, LogResume.CutAndCount(path, from));
        Assert.Equal(left, File.ReadAllText(path));
    }

    [Theory]
    [InlineData("{1}\n{22}\n{333}\n", 0, 0, 0)]
    [InlineData("{1}\n{22}\n{333}\n", 0, 2, 9)]
    [InlineData("{1}\n{22}\n{333}\n", 4, 1, 9)]
    [InlineData("{1}\n{22}\n{333}\n", 0, 3, 15)]
    public void SkipLines_FindsThePlaceBehindThem(string content, long from, long lines, long place)
    {
        using var folder = new TempFolder();
        using var file = File.OpenHandle(folder.Write("log", content));
        Assert.Equal(place, LogResume.SkipLines(file, from, lines));
    }

    [Fact]
    public void SkipLines_OverMoreThanItsBuffer_CountsAll()
    {
        using var folder = new TempFolder();
        var line = new string('x', 999) + "\n";
        using var file = File.OpenHandle(folder.Write("log", string.Concat(Enumerable.Repeat(line, 1000))));
        Assert.Equal(777_000, LogResume.SkipLines(file, 0, 777));
    }
}
