using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Linux;

/// <summary>The kernel's own answer to the programs that are made for it.</summary>
public sealed class DeviceFilterTests
{
    [Theory]
    [InlineData("cat /dev/null", 0)]
    [InlineData("head -c 1 /dev/zero > /dev/null", 0)]
    [InlineData("head -c 1 /dev/urandom > /dev/null", 1)]
    [InlineData("echo > /dev/zero", 2)]
    public async Task Attach_Rules_DecideByTheLastThatFits(string script, int code)
    {
        var unified = CgroupLayout.Detect().Unified;
        Assert.SkipUnless(unified is not null && OwnProcess.EffectiveUserId == 0, "needs root and a mounted cgroup v2");
        var cgroups = new Cgroups(new(CgroupMode.V2, [unified with { Controllers = [] }]));
        var path = $"/berth-filter-{Random.Shared.Next():x8}";
        cgroups.Create(path);
        try
        {
            DeviceFilter.Attach(unified.Folder(path), [Rule(true, null, "rwm"), Rule(false, 9, "rwm"), Rule(false, 5, "w")]);
            var result = await CommandRunner.RunAsync(
                new Command { Path = "/bin/sh", Arguments = ["-c", $"echo $$ > {unified.Folder(path)}/cgroup.procs && {script}"] }, null, 4096, TestContext.Current.CancellationToken);
            Assert.Equal(code, result.ExitCode);
        }
        finally
        {
            await cgroups.KillAsync(path, CancellationToken.None);
            await cgroups.RemoveAsync(path, CancellationToken.None);
        }
    }

    private static DeviceRule Rule(bool allow, uint? minor, string access) => new(allow, 'c', minor is null ? null : 1, minor, access);
}
