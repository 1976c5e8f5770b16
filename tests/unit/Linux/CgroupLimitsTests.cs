using System.Text.Json;
using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Linux;

/// <summary>What is written where, on folders that stand for hierarchies.</summary>
public sealed class CgroupLimitsTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("berth-limits-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Apply_OnV2_TranslatesToItsFilesAndUnits()
    {
        var limits = new CgroupLimits(new(CgroupMode.V2, [new(_root, true, ["cpu", "memory", "pids", "cpuset"])]));
        Files("cpu.weight", "cpu.max", "memory.max", "memory.swap.max", "pids.max", "cpuset.cpus");
        limits.Apply("/c", Json("""
            { "cpu": { "shares": 1024, "quota": 20000, "period": 50000, "cpus": "0" },
              "memory": { "limit": 1000, "swap": 1500 }, "pids": { "limit": 7 } }
            """));
        Assert.Equal(["39", "20000 50000", "1000", "500", "7", "0"], Contents("cpu.weight", "cpu.max", "memory.max", "memory.swap.max", "pids.max", "cpuset.cpus"));
    }

    [Fact]
    public void Apply_OnV1_WritesAsGivenWithDevicesOfEveryContainerLast()
    {
        var limits = new CgroupLimits(new(CgroupMode.V1, [new(_root, false, ["cpu", "memory", "pids", "devices"])]));
        Files("cpu.shares", "memory.limit_in_bytes", "pids.max", "devices.allow", "devices.deny");
        limits.Apply("/c", Json("""{ "cpu": { "shares": 512 }, "memory": { "limit": -1 }, "pids": { "limit": 0 }, "devices": [ { "allow": false, "access": "rwm" } ] }"""));
        Assert.Equal(["512", "-1", "max", "a *:* rwm", "c 136:* rwm"], Contents("cpu.shares", "memory.limit_in_bytes", "pids.max", "devices.deny", "devices.allow"));
    }

    [Fact]
    public void Apply_ForAControllerThatIsMissing_SaysWhich()
    {
        var limits = new CgroupLimits(new(CgroupMode.V2, [new(_root, true, ["memory"])]));
        var failure = Assert.Throws<LinuxException>(() => limits.Apply("/c", Json("""{ "pids": { "limit": 7 } }""")));
        Assert.Contains("pids", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Apply_OfAUnifiedKeyThatIsAPath_IsRefused()
    {
        var limits = new CgroupLimits(new(CgroupMode.V2, [new(_root, true, ["memory"])]));
        Assert.Throws<LinuxException>(() => limits.Apply("/c", Json("""{ "unified": { "../memory.max": "1" } }""")));
    }

    private static JsonElement Json(string text) => JsonSerializer.Deserialize<JsonElement>(text);

    private void Files(params string[] names)
    {
        Directory.CreateDirectory(Path.Combine(_root, "c"));
        foreach (var name in names)
        {
            File.WriteAllText(Path.Combine(_root, "c", name), "");
        }
    }

    private IEnumerable<string> Contents(params string[] names) => names.Select(n => File.ReadAllText(Path.Combine(_root, "c", n)).TrimEnd('\0'));
}
