using System.Text.Json;
using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Linux;

public sealed class SystemdPropertyTests
{
    private const string Limits = """
        { "memory": { "limit": 1000, "swap": 1500 }, "cpu": { "shares": 1024, "quota": 25001, "period": 100000, "cpus": "0-1,9", "mems": "0" } }
        """;

    [Fact]
    public void Of_OnV2_AreInItsWords() => Assert.Equal(
        ["MemoryMax t 1000", "MemorySwapMax t 500", "CPUWeight t 39", "CPUQuotaPeriodUSec t 100000", "CPUQuotaPerSecUSec t 260000", "AllowedCPUs ay 2 3 2", "AllowedMemoryNodes ay 1 1"],
        Words(Limits, CgroupMode.V2));

    [Theory]
    [InlineData(CgroupMode.V1)]
    [InlineData(CgroupMode.Hybrid)]
    public void Of_OnV1_AreInItsWords(CgroupMode mode) => Assert.Equal(
        ["MemoryLimit t 1000", "CPUShares t 1024", "CPUQuotaPeriodUSec t 100000", "CPUQuotaPerSecUSec t 260000"], Words(Limits, mode));

    [Fact]
    public void Of_NoLimit_IsInfinity() => Assert.Equal(
        ["MemoryMax t 18446744073709551615", "MemorySwapMax t 18446744073709551615", "CPUQuotaPerSecUSec t 18446744073709551615"],
        Words("""{ "memory": { "limit": -1, "swap": -1 }, "cpu": { "quota": -1 } }""", CgroupMode.V2));

    [Fact]
    public void Of_Nothing_AreNone() => Assert.Empty(Words("{}", CgroupMode.V2));

    private static IEnumerable<string> Words(string resources, CgroupMode mode) =>
        SystemdProperty.Of(JsonSerializer.Deserialize<JsonElement>(resources), new(mode, [])).Select(static p => $"{p.Name} {p.Signature} {string.Join(' ', p.Value)}");
}
