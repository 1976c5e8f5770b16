using Berth.Admin;
using Berth.Admin.Checks;
using Berth.Configuration;
using Moq;
using Xunit;

namespace Berth.Tests.Unit.Admin;

public sealed class DoctorTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Examine_ACheckFails_IsAFindingAndTheWorstComesFirst()
    {
        var fine = new Mock<IDoctorCheck>();
        fine.Setup(static c => c.Examine()).Returns([DoctorFinding.Ok("a", "fine")]);
        var broken = new Mock<IDoctorCheck>();
        broken.SetupGet(static c => c.Subject).Returns("b");
        broken.Setup(static c => c.Examine()).Throws(new IOException("no such file"));

        var findings = await new Doctor([fine.Object, broken.Object]).ExamineAsync(TestContext.Current.CancellationToken);

        Assert.Equal([DoctorSeverity.Error, DoctorSeverity.Ok], findings.Select(static f => f.Severity));
        Assert.Equal("cannot be examined: no such file", findings[0].Message);
    }

    [Fact]
    public void Examine_ThisMachine_EveryProblemHasARemedy()
    {
        var options = new BerthOptions { Gateway = new() { Root = _folder.Path } };
        IDoctorCheck[] checks = [new CgroupCheck(options), new MountsCheck(options), new PrivilegesCheck(options), new NetworkCheck(static () => "none")];
        var before = File.ReadAllText("/proc/self/oom_score_adj");

        var findings = checks.SelectMany(static c => c.Examine()).ToList();

        Assert.All(findings, static f => Assert.True(f.Severity == DoctorSeverity.Ok || f.Remedy.Length > 0, f.Subject));
        Assert.Contains(findings, static f => f is { Subject: "CNI", Severity: DoctorSeverity.Error, Message: "none" });
        Assert.Equal(before, File.ReadAllText("/proc/self/oom_score_adj"));
    }

    [Fact]
    public void Examine_MissingSeccompProfile_IsAnError()
    {
        var options = new BerthOptions { Security = new() { SeccompProfile = Path.Combine(_folder.Path, "none.json") } };
        Assert.Contains(new PrivilegesCheck(options).Examine(), static f => f is { Subject: "seccomp", Severity: DoctorSeverity.Error });
    }

    [Fact]
    public void Examine_SystemdDriverWithoutSystemd_IsAnError()
    {
        Assert.SkipWhen(Directory.Exists("/run/systemd/system"), "systemd runs here");
        Assert.Contains(
            new CgroupCheck(new() { Gateway = new() { CgroupDriver = "systemd" } }).Examine(),
            static f => f is { Subject: "cgroup driver", Severity: DoctorSeverity.Error });
    }
}
