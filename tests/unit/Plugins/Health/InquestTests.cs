using Berth.Plugins.Health;
using Xunit;

namespace Berth.Tests.Unit.Plugins.Health;

public sealed class InquestTests
{
    private const string Overflow = """
        Stack overflow.
        Repeat 24067 times:
        --------------------------------
           at Vendor.Deeds.Overflow(Int32)
        --------------------------------
           at Vendor.Handler+<StartSandboxAsync>d__4.MoveNext()
           at System.Runtime.CompilerServices.AsyncMethodBuilderCore.Start[[System.__Canon, System.Private.CoreLib]](System.__Canon ByRef)
        """;

    private static readonly MarkedCode Runc = new("oci", "1.0.0", "d-oci", "runc", "i1");
    private static readonly MarkedCode Crun = new("oci", "1.0.0", "d-oci", "crun", "i2");
    private static readonly MarkedCode Vendor = new("vendor", "2.0.0", "d-vendor", "vendor", "i3");

    [Fact]
    public void WhoThrows_IsCertain_WhoeverElseHadCalls()
    {
        Assert.Equal([(Vendor, true)], Judge(new() { Thrower = "d-vendor", Marks = [(Runc, ["StartSandbox"]), (Vendor, ["StartSandbox"])] }));
        Assert.Equal([(Runc, true), (Crun, true)], Judge(new() { Thrower = "d-oci", Marks = [(Runc, []), (Crun, []), (Vendor, ["Exec"])] }));
        Assert.Empty(Judge(new() { Thrower = "gone", Marks = [(Vendor, ["Exec"])] }));
    }

    [Fact]
    public void Exit_TheOnlyOneWithACall_IsCertain_OfSeveralEachIsASuspect()
    {
        Assert.Equal([(Vendor, true)], Judge(new() { WasExit = true, Marks = [(Runc, []), (Vendor, ["StartSandbox"])] }));
        Assert.Equal([(Runc, false), (Vendor, false)], Judge(new() { WasExit = true, Marks = [(Runc, ["Exec"]), (Vendor, ["StartSandbox"])] }));
    }

    [Fact]
    public void WhomTheRuntimeNames_IsCertain_WhoeverElseHadCalls() =>
        Assert.Equal([(Vendor, true)], Judge(new() { Words = Overflow, Marks = [(Runc, ["StartSandbox"]), (Vendor, ["StartSandbox"]), (Crun, [])] }));

    [Fact]
    public void WhomTheRuntimeNames_WithoutACall_IsCertain() =>
        Assert.Equal([(Vendor, true)], Judge(new() { Words = Overflow, Marks = [(Runc, ["StartSandbox"]), (Vendor, [])] }));

    [Fact]
    public void CopiesOfOnePlugin_AreSuspects()
    {
        var copy = Vendor with { Digest = "d-vendor-2", Instance = "i4" };
        Assert.Equal([(Vendor, false), (copy, false)], Judge(new() { Words = Overflow, Marks = [(Vendor, ["Exec"]), (copy, ["Exec"]), (Runc, ["Exec"])] }));
        Assert.Equal([(copy, true)], Judge(new() { Words = Overflow, Marks = [(Vendor, []), (copy, ["Exec"]), (Runc, ["Exec"])] }));
        Assert.Equal([(copy, true)], Judge(new() { Words = Overflow, Marks = [(Vendor, ["Exec"]), (copy, ["Exec", "StartSandbox"]), (Runc, ["Exec"])] }));
    }

    [Fact]
    public void OwnDoing_TheOnlyOneWithACall_IsCertain_OfSeveralEachIsASuspect()
    {
        var death = new Death { Note = "core-dump dumped SEGV", Marks = [(Runc, []), (Crun, ["Exec"]), (Vendor, [])] };
        Assert.Equal([(Crun, true)], Judge(death));
        Assert.Equal([(Runc, false), (Crun, false)], Judge(death with { Marks = [(Runc, ["Pids"]), (Crun, ["Exec"]), (Vendor, [])] }));
        Assert.Empty(Judge(death with { Marks = [(Runc, []), (Vendor, [])] }));
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("signal killed KILL", "")]
    [InlineData("", "libnative: warning: something harmless at Vendor.Deeds.Overflow(Int32)")]
    public void KillFromOutside_IsNobodysFault(string note, string words) =>
        Assert.Empty(Judge(new() { Note = note, Words = words, Marks = [(Vendor, ["StartSandbox"])] }));

    [Fact]
    public void OutOfMemory_MakesSuspects() =>
        Assert.Equal([(Vendor, false)], Judge(new() { Note = "oom-kill killed KILL", Marks = [(Runc, []), (Vendor, ["StartSandbox"])] }));

    [Theory]
    [InlineData("StartSandbox", false)]
    [InlineData("Exec", false)]
    [InlineData("a call", false)]
    [InlineData("Check", true)]
    [InlineData("RestoreSandbox", true)]
    [InlineData("Load", true)]
    public void WhatAStartDoesToo_IsHeldBack(string verb, bool isHeld)
    {
        var verdict = Assert.Single(Inquest.Judge(new() { Words = "Fatal error. Internal CLR error.", Marks = [(Vendor, [verb])] }, Types));
        Assert.Equal((isHeld, $"the gateway died of it, in {verb}: Fatal error. Internal CLR error."), (verdict.IsHeld, verdict.Reason));
    }

    private static IEnumerable<(MarkedCode, bool)> Judge(Death death) => Inquest.Judge(death, Types).Select(static v => (v.Code, v.IsCertain));

    private static HashSet<string> Types(MarkedCode code) => code.Plugin == "vendor" ? ["Vendor.Deeds", "Vendor.Handler"] : ["Berth.Plugins.Oci.OciHandler"];
}
