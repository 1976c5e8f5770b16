using Berth.Linux;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Linux;

public sealed class LinkUsageTests
{
    [Fact]
    public void ReadAll_OfOwnNamespace_AgreesWithSysfs()
    {
        var links = LinkUsage.ReadAll(["/proc/self/ns/net"])["/proc/self/ns/net"];
        Assert.Equal(
            Directory.EnumerateFileSystemEntries("/sys/class/net").Select(static i => Path.GetFileName(i)).Where(static i => Directory.Exists("/sys/class/net/" + i)).Order(StringComparer.Ordinal),
            links.Select(static l => l.Name).Order(StringComparer.Ordinal));
        var before = Counter("lo", "rx_bytes");
        var read = LinkUsage.ReadAll(["/proc/self/ns/net"])["/proc/self/ns/net"].Single(static l => l.Name == "lo").RxBytes;
        Assert.InRange(read, before, Counter("lo", "rx_bytes"));
    }

    [Fact]
    public void ReadAll_OfWhatIsNoNamespace_LeavesItOut() =>
        Assert.Equal(["/proc/self/ns/net"], LinkUsage.ReadAll(["/nowhere", "/proc/self/ns/uts", "/proc/self/ns/net"]).Keys);

    [Fact]
    public void Parse_AnyBytes_EndsOrRefuses() => Gen.Byte.Array[0, 200].Sample(static bytes =>
    {
        try
        {
            LinkUsage.Parse(bytes, []);
        }
        catch (InvalidDataException)
        {
            // The only way out.
        }
    });

    private static ulong Counter(string link, string name) => ulong.Parse(File.ReadAllText($"/sys/class/net/{link}/statistics/{name}"));
}
