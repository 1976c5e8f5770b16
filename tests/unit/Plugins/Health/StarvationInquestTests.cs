using Berth.Plugins.Health;
using Xunit;

namespace Berth.Tests.Unit.Plugins.Health;

public sealed class StarvationInquestTests
{
    private static readonly MarkedCode Runc = new("oci", "1.0.0", "d-oci", "runc", "i1");
    private static readonly MarkedCode Crun = new("oci", "1.0.0", "d-oci", "crun", "i2");
    private static readonly MarkedCode Vendor = new("vendor", "2.0.0", "d-vendor", "vendor", "i3");

    [Fact]
    public void InWhoseCallsMostCame_IsCertain() =>
        Assert.Equal([(Vendor, true, false)], Judge(unclear: 0, grown: 1000, (Runc, Grew(400, 0, 400)), (Vendor, Grew(600, 0, 0))));

    [Fact]
    public void OfWhatCameWhileSeveralHadCalls_TheRestDecides()
    {
        // Present all the time, and a tenth of the time alone.
        Assert.Equal([(Vendor, true, false)], Judge(unclear: 800, grown: 1000, (Runc, Grew(50, 800, 0)), (Vendor, Grew(150, 800, 0))));
        // Too little to go by.
        Assert.Equal([(Runc, false, false), (Vendor, false, false)], Judge(unclear: 930, grown: 1000, (Runc, Grew(10, 900, 0)), (Vendor, Grew(60, 930, 0))));
    }

    [Fact]
    public void WhatCameAtOnceAfterACall_MakesASuspect()
    {
        (MarkedCode, Growth)[] growth = [(Runc, new() { After = 100 }), (Vendor, new() { Alone = 50, After = 850, TimeAlone = TimeSpan.FromSeconds(1) })];
        var death = new Starvation(Resource.Descriptors, 9000, 10_000) { Grown = 1000, Unclear = 0, Idle = 950, IdleTime = TimeSpan.FromSeconds(20) };
        Assert.Equal([(Vendor, false)], StarvationInquest.Judge(death, growth).Select(static v => (v.Code, v.IsCertain)));
        // In the course of days it may be anybody's.
        Assert.Empty(StarvationInquest.Judge(death with { IdleTime = TimeSpan.FromDays(2) }, growth));
    }

    /// <summary>A thread of somebody else's takes them, all the time: whoever has calls is not to blame.</summary>
    [Fact]
    public void WhatCameAtTheSamePaceWithoutCalls_IsNobodys()
    {
        var death = new Starvation(Resource.Descriptors, 9000, 10_000) { Grown = 1000, Unclear = 0, Idle = 400, IdleTime = TimeSpan.FromHours(40) };
        Assert.Empty(StarvationInquest.Judge(death, [(Runc, new() { Alone = 600, After = 400, TimeAlone = TimeSpan.FromHours(60) })]));
        // Here calls make it quicker.
        Assert.Equal([(Runc, true)], StarvationInquest.Judge(death, [(Runc, new() { Alone = 600, After = 400, TimeAlone = TimeSpan.FromHours(3) })]).Select(static v => (v.Code, v.IsCertain)));
    }

    [Fact]
    public void WhoWasThereOfALittleOnly_IsNoSuspect()
    {
        Assert.Empty(Judge(unclear: 100, grown: 1000, (Runc, Grew(50, 100, 0)), (Vendor, Grew(40, 100, 0))));
        Assert.Empty(Judge(unclear: 0, grown: 1000));
        Assert.Empty(Judge(unclear: 0, grown: 0));
    }

    [Fact]
    public void HandlersOfOnePlugin_WithAPartOfIt_AreAllCertain()
    {
        Assert.Equal([(Runc, true, false), (Crun, true, false)], Judge(unclear: 0, grown: 1000, (Runc, Grew(300, 0, 0)), (Crun, Grew(300, 0, 0)), (Vendor, Grew(350, 0, 0))));
        Assert.Equal([(Crun, true, false)], Judge(unclear: 0, grown: 1000, (Runc, Grew(100, 0, 0)), (Crun, Grew(900, 0, 0))));
    }

    [Fact]
    public void WhatAStartDoesToo_IsHeldBack() =>
        Assert.Equal([(Vendor, true, true)], Judge(unclear: 0, grown: 1000, (Vendor, Grew(900, 0, 500))));

    [Theory]
    [InlineData("", false)]
    [InlineData("exit", false)]
    [InlineData("threw d-vendor", false)]
    [InlineData("starved", false)]
    [InlineData("starved Descriptors 1 2 3 4 5", false)]
    [InlineData("starved Tables 1 2 3 4 5 6", false)]
    [InlineData("starved Threads 1 2 3 4 5 6", true)]
    [InlineData("starved Threads -1 99999999999 x 4 5 6", true)]
    public void Ends_OfAnyKind_AreRead(string end, bool isOne) => Assert.Equal(isOne, Starvation.Read(end) is not null);

    [Fact]
    public void End_SaysAllThatIsJudged()
    {
        var starvation = new Starvation(Resource.Descriptors, 5400, 6000) { Grown = 2280, Unclear = 12, Idle = 3, IdleTime = TimeSpan.FromSeconds(2) };
        Assert.Equal(starvation, Starvation.Read(starvation.Write()));
        // Whatever the runtime said, and whoever had calls at the end.
        var verdict = Assert.Single(Inquest.Judge(
            new() { Starvation = starvation, Growth = [(Vendor, Grew(2200, 12, 0))], WasExit = true, Words = "Out of memory", Marks = [(Runc, ["StartSandbox"]), (Vendor, [])] },
            static _ => new HashSet<string>()));
        Assert.Equal(
            (Vendor, "the gateway ran out of descriptors (it had 5400 of 6000); 2200 of the 2280 that were more than pods need came in calls of this plugin alone"),
            (verdict.Code, verdict.Reason));
        Assert.True(verdict.Memory > TimeSpan.FromDays(7));
    }

    private static IEnumerable<(MarkedCode, bool, bool)> Judge(int unclear, int grown, params (MarkedCode, Growth)[] growth) =>
        StarvationInquest.Judge(new(Resource.Threads, 9000, 10_000) { Grown = grown, Unclear = unclear, Idle = 0, IdleTime = TimeSpan.Zero }, growth)
            .Select(static v => (v.Code, v.IsCertain, v.IsHeld));

    private static Growth Grew(int alone, int shared, int atStart) => new() { Alone = alone, Shared = shared, AtStart = atStart };
}
