using Berth.Cli.Kit;
using Xunit;

namespace Berth.Tests.Unit.Cli;

public sealed class KitReportTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Lines_OfARun_SayWhatIsKeptBrokenAndNotAsked()
    {
        var report = Read(["a"], """
            <testcase name="Berth.Tests.Contract.ExecContract.Exec_Runs(handler: &quot;a&quot;)" classname="Berth.Tests.Contract.ExecContract" />
            <testcase name="Berth.Tests.Contract.ExecContract.Signal(handler: &quot;a&quot;)" classname="Berth.Tests.Contract.ExecContract"><skipped>a declares no signals to an exec</skipped></testcase>
            <testcase name="Berth.Tests.Contract.LogContract.Log_IsWhole" classname="Berth.Tests.Contract.LogContract"><failure message="a line is lost">at X</failure></testcase>
            """);

        Assert.False(report.Passed);
        Assert.Equal(
            [
                "ok   Exec           1 kept,  0 broken,  1 not asked",
                "FAIL Log            0 kept,  1 broken,  0 not asked",
                "not asked, 1: a declares no signals to an exec",
                "broken: Log: Log_IsWhole: a line is lost",
                "the contract is not kept",
            ],
            report.Lines());
    }

    [Theory]
    [InlineData(false, "")]
    [InlineData(true, "<testcase name='A.B(handler: \"a\", serialised: False)' classname='A.ExecContract' /><testcase name='A.B(handler: \"b\")' classname='A.ExecContract' />")]
    [InlineData(false, "<testcase name='A.B(handler: \"a\")' classname='A.ExecContract' />")]
    [InlineData(false, "<testcase name='A.B(handler: \"a\")' classname='A.ExecContract' /><testcase name='A.B(handler: \"b\")' classname='A.ExecContract'><skipped>it lacks it</skipped></testcase>")]
    [InlineData(false, "<testcase name='A.B(handler: \"a\")' classname='A.ExecContract' /><testcase name='A.B(handler: \"b\")' classname='A.ExecContract'><failure message='x'/></testcase>")]
    public void Passed_NeedsSomethingKeptByEachHandlerAndNothingBroken(bool passed, string cases)
    {
        var report = Read(["a", "b"], cases);
        Assert.Equal((passed, passed ? "the contract is kept" : "the contract is not kept"), (report.Passed, report.Lines().Last()));
    }

    [Fact]
    public void Lines_OfAHandlerThatWasAskedNothing_SayWhy()
    {
        var report = Read(["a"], """<testcase name="A.B(handler: &quot;a&quot;)" classname="A.ExecContract"><skipped>a lacks all</skipped></testcase>""");
        Assert.Equal(
            ["none Exec           0 kept,  0 broken,  1 not asked", "not asked, 1: a lacks all", "nothing was asked of handler a", "the contract is not kept"], report.Lines());
    }

    [Fact]
    public void Lines_OfOneReasonForAll_SayItOnce()
    {
        const string Broken = """<testcase name="A.B(handler: &quot;a&quot;)" classname="A.ExecContract"><failure message="a is not ready: no monitor" /></testcase>""";
        var report = Read(["a"], Broken + Broken);
        Assert.Equal(["FAIL Exec           0 kept,  2 broken,  0 not asked", "broken, 2: a is not ready: no monitor", "the contract is not kept"], report.Lines());
    }

    [Fact]
    public void Passed_WithoutAHandler_IsNotSo() => Assert.Equal((false, "the plugin offers no handler: nothing was asked"), (Read([], "").Passed, Read([], "").Lines().Last()));

    private KitReport Read(string[] handlers, string cases) => KitReport.Read(_folder.Write("r.xml", $"<testsuites><testsuite>{cases}</testsuite></testsuites>"), handlers);
}
