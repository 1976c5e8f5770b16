using Berth.Plugins.Health;
using Xunit;

namespace Berth.Tests.Unit.Plugins.Health;

public sealed class CallMarksTests : IDisposable
{
    private static readonly MarkedCode One = new("p", "1.0.0", new string('d', 64), "one", "i1");
    private static readonly MarkedCode Two = new("p", "1.0.0", new string('d', 64), "two", "i2");

    private static readonly MarkedCode Other = new("q", "1.0.0", new string('e', 64), "other", "i3");

    private static readonly Starvation Death = new(Resource.Threads, 9, 10) { Grown = 3, Unclear = 2, Idle = 1, IdleTime = TimeSpan.FromSeconds(1) };

    private readonly TempFolder _folder = new();
    private readonly CallMarks _marks;

    public CallMarksTests() => _marks = new(Path.Combine(_folder.Path, "calls"));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Call_IsMarkedUntilItsTaskHasEnded()
    {
        using var one = _marks.Take(One)!;
        using var two = _marks.Take(Two)!;
        var answer = new TaskCompletionSource<int>();
        var calls = new[] { one.RunAsync("StartSandbox", () => answer.Task), one.RunAsync("StartSandbox", () => answer.Task), one.RunAsync("Exec", () => answer.Task) };

        Assert.Equal([(One, "StartSandbox Exec"), (Two, "")], Read());
        Assert.Equal([(One, "StartSandbox Exec"), (Two, "Pids")], two.Run("Pids", Read));
        Assert.Equal([(One, "StartSandbox Exec"), (Two, "a call")], two.Run("SomethingNew", Read));
        answer.SetResult(1);
        await Task.WhenAll(calls);

        Assert.Equal([(One, ""), (Two, "")], Read());
        await Assert.ThrowsAsync<FormatException>(() => one.RunAsync<int>("Exec", static () => throw new FormatException()));
        Assert.Equal([(One, ""), (Two, "")], Read());
    }

    [Fact]
    public void SameCodeTwice_IsOne()
    {
        using var old = _marks.Take(One)!;
        using var fresh = _marks.Take(One)!;
        Assert.Equal([(One, "Dispose Check")], old.Run("Dispose", () => fresh.Run("Check", Read)));
    }

    [Fact]
    public void End_IsWritten()
    {
        Assert.Equal("", CallMarks.Read(File.ReadAllBytes(Path.Combine(_folder.Path, "calls"))).End);
        _marks.WriteEnd("exit");
        Assert.Equal("exit", CallMarks.Read(File.ReadAllBytes(Path.Combine(_folder.Path, "calls"))).End);
    }

    [Fact]
    public async Task Slot_IsTakenAgain_UnlessACallStillRunsInIt()
    {
        for (var i = 0; i < 1000; i++)
        {
            using var mark = _marks.Take(One)!;
            Assert.Equal(1, mark.Run("Pid", static () => 1));
        }

        var never = new TaskCompletionSource<int>();
        var held = _marks.Take(One)!;
        var call = held.RunAsync("Exec", () => never.Task);
        held.Dispose();
        using var next = _marks.Take(Two)!;
        Assert.Equal([(One, "Exec"), (Two, "")], Read());
        never.SetResult(1);
        await call;
    }

    [Fact]
    public void Growth_IsToldToThoseWithCalls()
    {
        using var one = _marks.Take(One)!;
        using var two = _marks.Take(Two)!;
        using var other = _marks.Take(Other)!;
        Assert.Equal(0, Charge(1)); // before anybody had a call
        Assert.Empty(Growth());

        Assert.Equal(1, one.Run("StartSandbox", () => Charge(100)));
        Assert.Equal(1, one.Run("Check", () => Charge(20)));
        Assert.Equal([(One, new() { Alone = 120, AtStart = 20, TimeAlone = TimeSpan.FromSeconds(2) })], Growth());
        // Two handlers of one plugin: it is the plugin's.
        Assert.Equal(1, one.Run("Exec", () => two.Run("Check", () => Charge(10))));
        var first = new Growth { Alone = 125, AtStart = 20, TimeAlone = TimeSpan.FromSeconds(2.5) };
        var second = new Growth { Alone = 5, AtStart = 5, TimeAlone = TimeSpan.FromSeconds(0.5) };
        Assert.Equal([(One, first), (Two, second)], Growth());
        // Of another as well: nobody's alone.
        Assert.Equal(2, one.Run("Exec", () => other.Run("Exec", () => Charge(7))));
        // And nobody's at all: it may be the last one's.
        Assert.Equal(0, Charge(1000));
        Assert.Equal([(One, first with { Shared = 7, After = 1000 }), (Two, second), (Other, new() { Shared = 7 })], Growth());
        Assert.Equal([(One, ""), (Two, ""), (Other, "")], Read());
        _marks.WriteEnd(Death with { Of = Resource.Descriptors });
        Assert.Empty(CallMarks.ReadGrowth(File.ReadAllBytes(Path.Combine(_folder.Path, "calls"))));
    }

    [Fact]
    public void Growth_OfCodeThatIsGone_IsForgotten()
    {
        using (var one = _marks.Take(One)!)
        {
            Assert.Equal(1, one.Run("Exec", () => Charge(5)));
            Assert.Single(Growth());
        }

        Charge(5);
        using var two = _marks.Take(Two)!;
        Assert.Empty(Growth());
    }

    [Fact]
    public void Edges_AreTold_BeforeTheMarkChanges()
    {
        using var one = _marks.Take(One)!;
        List<string> seen = [];
        _marks.Edge = () => seen.Add(Read().Single().Item2);
        Assert.Equal(1, one.Run("Exec", static () => 1));
        Assert.Equal(["", "Exec"], seen);
    }

    [Fact]
    public void NoSlotLeft_MarksNothing()
    {
        var count = 0;
        while (_marks.Take(One with { Instance = $"{count}" }) is not null)
        {
            count++;
        }

        Assert.Equal(count, Read().Count);
        Assert.InRange(count, 200, 300);
        Assert.Null(_marks.Take(One with { Handler = new string('h', 500) }));
    }

    [Fact]
    public void Files_OfAnySize_AreRead()
    {
        foreach (var size in new[] { 0, 1, 511, 512, 513, 5000 })
        {
            var noise = new byte[size];
            new Random(size).NextBytes(noise);
            _ = CallMarks.Read(noise);
            _ = CallMarks.ReadGrowth(noise);
        }
    }

    private int Charge(int amount) => _marks.Charge(Resource.Threads, amount, TimeSpan.FromSeconds(1));

    private IReadOnlyList<(MarkedCode, Growth)> Growth()
    {
        _marks.WriteEnd(Death);
        var file = File.ReadAllBytes(Path.Combine(_folder.Path, "calls"));
        Assert.Equal(Death, Starvation.Read(CallMarks.Read(file).End));
        return CallMarks.ReadGrowth(file);
    }

    private List<(MarkedCode, string)> Read() =>
        [.. CallMarks.Read(File.ReadAllBytes(Path.Combine(_folder.Path, "calls"))).Marks.Select(static m => (m.Code, string.Join(' ', m.Verbs)))];
}
