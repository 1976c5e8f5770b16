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
        var report = Read("""
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
    [InlineData("", false, "nothing was asked")]
    [InlineData("<testcase name=\"a\" classname=\"A.ExecContract\" />", true, "the contract is kept")]
    public void Passed_NeedsSomethingAskedAndNothingBroken(string cases, bool passed, string last)
    {
        var report = Read(cases);
        Assert.Equal((passed, last), (report.Passed, report.Lines().Last()));
    }

    private KitReport Read(string cases) => KitReport.Read(_folder.Write("r.xml", $"<testsuites><testsuite>{cases}</testsuite></testsuites>"));
}
