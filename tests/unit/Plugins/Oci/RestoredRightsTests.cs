using System.Text.Json;
using Berth.Plugins.Oci;
using Xunit;

namespace Berth.Tests.Unit.Plugins.Oci;

public sealed class RestoredRightsTests
{
    [Theory]
    [InlineData("CapBnd", "0000000000200020", "CAP_SYS_ADMIN")]
    [InlineData("CapEff", "0000000000200000", "CAP_SYS_ADMIN")]
    [InlineData("NoNewPrivs", "0", "no_new_privs")]
    [InlineData("Seccomp", "0", "seccomp")]
    [InlineData("Uid", "1000\t0\t1000\t1000", "root")]
    [InlineData("label", "unconfined", "AppArmor")]
    [InlineData("Name", "harmless", null)]
    public void Rights_BeyondTheContainers_AreSeen(string field, string value, string? excess)
    {
        using var config = JsonDocument.Parse("""
            {"process":{"user":{"uid":1000,"gid":0},"capabilities":{"bounding":["CAP_KILL"]},"noNewPrivileges":true,"apparmorProfile":"berth-default"},"linux":{"seccomp":{}}}
            """);
        var status = new Dictionary<string, string>
        {
            ["CapInh"] = "0000000000000000",
            ["CapPrm"] = "0000000000000020",
            ["CapEff"] = "0000000000000020",
            ["CapBnd"] = "0000000000000020",
            ["CapAmb"] = "0000000000000000",
            ["NoNewPrivs"] = "1",
            ["Seccomp"] = "2",
            ["Uid"] = "1000\t1000\t1000\t1000",
            [field] = value,
        };
        var found = RestoredRights.Excess(status, field == "label" ? value : "berth-default (enforce)", RestoredRights.Allowed.Of(config.RootElement));
        Assert.True(excess is null ? found is null : found!.Contains(excess, StringComparison.Ordinal), found);
    }
}
