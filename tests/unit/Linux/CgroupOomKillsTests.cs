using System.Globalization;
using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Linux;

/// <summary>Who was killed for lack of memory, told by a pod's count when a container's is gone; on folders that stand for cgroups.</summary>
public sealed class CgroupOomKillsTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("berth-oom-").FullName;
    private readonly CgroupOomKills _kills;

    public CgroupOomKillsTests() => _kills = new(new(CgroupMode.V2, [new(_root, true, ["memory"])]));

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void In_ACgroup_IsItsCount_AndNullWhenItIsGone()
    {
        Count("pod/a", 2);
        Assert.Equal(2, _kills.In("/pod/a"));
        Assert.Null(_kills.In("/pod/gone"));
    }

    [Fact]
    public void Gone_WithAKillThatNoSiblingHas_IsTold()
    {
        Count("pod", 3);
        Count("pod/a", 2);
        Assert.True(_kills.AnyUnexplained("/pod/gone"));
        Count("pod/a", 3);
        Assert.False(_kills.AnyUnexplained("/pod/gone"));
    }

    [Fact]
    public void Explained_OnceForAContainer_IsNotTheNextOnes()
    {
        Count("pod", 1);
        Assert.True(_kills.AnyUnexplained("/pod/first"));
        _kills.Explain("/pod/first");
        Assert.False(_kills.AnyUnexplained("/pod/second"));
        Count("pod", 2);
        Assert.True(_kills.AnyUnexplained("/pod/second"));
    }

    [Fact]
    public void Explained_WhileItIsThere_IsExplainedWhenItIsGone()
    {
        Count("pod", 4);
        Count("pod/a", 4);
        _kills.Explain("/pod/a");
        Directory.Delete(Path.Combine(_root, "pod/a"), recursive: true);
        Assert.False(_kills.AnyUnexplained("/pod/b"));
    }

    [Fact]
    public void PodThatIsGone_TellsNothing()
    {
        _kills.Explain("/pod/a");
        Assert.False(_kills.AnyUnexplained("/pod/a"));
    }

    [Fact]
    public void CgroupAtTheTop_HasNoPodToAsk()
    {
        Count("", 5);
        Assert.False(_kills.AnyUnexplained("/a"));
    }

    private void Count(string cgroup, int kills)
    {
        Directory.CreateDirectory(Path.Combine(_root, cgroup));
        File.WriteAllText(Path.Combine(_root, cgroup, "memory.events"), string.Create(CultureInfo.InvariantCulture, $"low 0\nhigh 0\nmax 9\noom 1\noom_kill {kills}\noom_group_kill 0\n"));
    }
}
