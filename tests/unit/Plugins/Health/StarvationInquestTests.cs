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
        Assert.Equal([(Vendor, true, false)], Judge(unclear: 0, grown: 1000, (Runc, new(400, 0, 400)), (Vendor, new(600, 0, 0))));

    [Fact]
    public void OfWhatCameWhileSeveralHadCalls_TheRestDecides()
    {
        // Present all the time, and a tenth of the time alone.
        Assert.Equal([(Vendor, true, false)], Judge(unclear: 800, grown: 1000, (Runc, new(50, 800, 0)), (Vendor, new(150, 800, 0))));
        // Too little to go by.
        Assert.Equal([(Runc, false, false), (Vendor, false, false)], Judge(unclear: 930, grown: 1000, (Runc, new(10, 900, 0)), (Vendor, new(60, 930, 0))));
    }

    [Fact]
    public void WhatCameWhileNobodyHadCalls_ConvictsNobody_AndTheLastIsASuspect() =>
        Assert.Equal([(Vendor, false, false)], Judge(unclear: 0, grown: 1000, (Runc, new(0, 100, 0)), (Vendor, new(100, 800, 0))));

    [Fact]
    public void WhoWasThereOfALittleOnly_IsNoSuspect()
    {
        Assert.Empty(Judge(unclear: 100, grown: 1000, (Runc, new(50, 100, 0)), (Vendor, new(40, 100, 0))));
        Assert.Empty(Judge(unclear: 0, grown: 1000));
        Assert.Empty(Judge(unclear: 0, grown: 0));
    }

    [Fact]
    public void HandlersOfOnePlugin_WithAPartOfIt_AreAllCertain()
    {
        Assert.Equal([(Runc, true, false), (Crun, true, false)], Judge(unclear: 0, grown: 1000, (Runc, new(300, 0, 0)), (Crun, new(300, 0, 0)), (Vendor, new(350, 0, 0))));
        Assert.Equal([(Crun, true, false)], Judge(unclear: 0, grown: 1000, (Runc, new(100, 0, 0)), (Crun, new(900, 0, 0))));
    }

    [Fact]
    public void WhatAStartDoesToo_IsHeldBack() =>
        Assert.Equal([(Vendor, true, true)], Judge(unclear: 0, grown: 1000, (Vendor, new(900, 0, 500))));

    [Theory]
    [InlineData("", false)]
    [InlineData("exit", false)]
    [InlineData("threw d-vendor", false)]
    [InlineData("starved", false)]
    [InlineData("starved Descriptors 1 2 3", false)]
    [InlineData("starved Tables 1 2 3 4", false)]
    [InlineData("starved Threads 1 2 3 4", true)]
    [InlineData("starved Threads -1 99999999999 x 4", true)]
    public void Ends_OfAnyKind_AreRead(string end, bool isOne) => Assert.Equal(isOne, Starvation.Read(end) is not null);

    [Fact]
    public void End_SaysAllThatIsJudged()
    {
        var starvation = new Starvation(Resource.Descriptors, 5400, 6000, 2280, 12);
        Assert.Equal(starvation, Starvation.Read(starvation.Write()));
        // Whatever the runtime said, and whoever had calls at the end.
        var verdict = Assert.Single(Inquest.Judge(
            new() { Starvation = starvation, Growth = [(Vendor, new(2200, 12, 0))], WasExit = true, Words = "Out of memory", Marks = [(Runc, ["StartSandbox"]), (Vendor, [])] },
            static _ => new HashSet<string>()));
        Assert.Equal(
            (Vendor, "the gateway ran out of descriptors (it had 5400 of 6000); 2200 of the 2280 that were more than pods need came in calls of this plugin alone"),
            (verdict.Code, verdict.Reason));
        Assert.True(verdict.Memory > TimeSpan.FromDays(7));
    }

    private static IEnumerable<(MarkedCode, bool, bool)> Judge(int unclear, int grown, params (MarkedCode, Growth)[] growth) =>
        StarvationInquest.Judge(new(Resource.Threads, 9000, 10_000, grown, unclear), growth).Select(static v => (v.Code, v.IsCertain, v.IsHeld));
}
