using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Spec;
using Berth.Tests.Unit.Containers.Spec;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Containers;

public sealed class ResourceClassesTests : IDisposable
{
    private const string Classes = """
        Classes:
          slow:
            - Devices: [/dev/null-such-*, "/dev/*"]
              ThrottleReadBps: 50M
              ThrottleWriteIOPS: 100
            - Weight: 200
          heavy: [{weight: 1001}]
          lone: [{ThrottleReadBps: 1}]
          odd: [{Devices: [/dev/null], ThrottleReadBps: 1}]
          letters: [{Devices: ["/dev/*"], ThrottleReadBps: 5 apples}]
          relative: [{Devices: [vda]}]
          unknown: [{Speed: 1}]
        """;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Name_OfContainerThenPodsContainerThenPod_TheFirstCounts()
    {
        var container = TestRootfs.Container() with { Annotations = new Dictionary<string, string> { ["io.kubernetes.cri.rdt-class"] = "own" } };
        Dictionary<string, string> pod = new() { ["rdt.resources.beta.kubernetes.io/pod"] = "all", ["rdt.resources.beta.kubernetes.io/container.main"] = "main" };
        Assert.Equal("own", ResourceClasses.Name("rdt", container, pod));
        Assert.Equal("main", ResourceClasses.Name("rdt", TestRootfs.Container(), pod));
        Assert.Equal("all", ResourceClasses.Name("rdt", TestRootfs.Container() with { Name = "other" }, pod));
        Assert.Null(ResourceClasses.Name("blockio", container, pod));
    }

    [Fact]
    public void Choose_OnAHandlerWithoutThem_IsRefused()
    {
        Dictionary<string, string> pod = new() { ["blockio.resources.beta.kubernetes.io/pod"] = "slow" };
        var classes = new ResourceClasses(new(new()));
        TestRootfs.Refused(() => classes.Choose(TestRootfs.Container(), pod, "runv", new()), RuntimeErrorCode.InvalidArgument);
        TestRootfs.Refused(() => classes.Choose(TestRootfs.Container(), pod, "runc", new() { ResourceClasses = true }), RuntimeErrorCode.FailedPrecondition);
        Assert.Equal(new(null, null), classes.Choose(TestRootfs.Container(), new Dictionary<string, string>(), "runv", new()));
    }

    [Fact]
    public void Rdt_Class_IsAFolderOfResctrl()
    {
        TestRootfs.Refused(() => RdtClass.Find("gold", _folder.Path), RuntimeErrorCode.FailedPrecondition);
        _folder.Write("schemata", "");
        Directory.CreateDirectory(Path.Combine(_folder.Path, "gold"));
        Assert.Equal("gold", RdtClass.Find("gold", _folder.Path).ClosID);
        foreach (var wrong in (string[])["silver", "", "..", "gold/../gold", "info", "go\nld"])
        {
            Directory.CreateDirectory(Path.Combine(_folder.Path, "info"));
            TestRootfs.Refused(() => RdtClass.Find(wrong, _folder.Path), RuntimeErrorCode.InvalidArgument);
        }
    }

    [Fact]
    public void Blockio_Class_IsForTheDisksThatThereAre()
    {
        var blockio = BlockioClasses.Parse(Classes, "/f", "slow");
        Assert.Equal((ushort)200, blockio.Weight);
        Assert.Null(blockio.WeightDevice);
        Assert.Null(blockio.ThrottleWriteBpsDevice);
        Assert.All(blockio.ThrottleReadBpsDevice!, static d => Assert.Equal(50_000_000u, d.Rate));
        Assert.Equal(blockio.ThrottleReadBpsDevice!.Select(static d => (d.Major, d.Minor)), blockio.ThrottleWriteIOPSDevice!.Select(static d => (d.Major, d.Minor)));
    }

    [Theory]
    [InlineData("absent", "known are slow")]
    [InlineData("heavy", "10 to 1000")]
    [InlineData("lone", "without Devices")]
    [InlineData("odd", "/dev/null, which is no block device")]
    [InlineData("letters", "5 apples")]
    [InlineData("relative", "absolute path")]
    [InlineData("unknown", "Speed")]
    public void Blockio_Wrong_IsRefused(string name, string named) =>
        Assert.Contains(named, Assert.Throws<RuntimeException>(() => BlockioClasses.Parse(Classes, "/f", name)).Message, StringComparison.Ordinal);

    [Fact]
    public void Blockio_AnyText_IsRefusedOrRead() =>
        Gen.Select(Gen.Int[0, Classes.Length - 1], Gen.Int[0, 8], Gen.String[Gen.Char["{}[]:, -\n&*0"], 0, 4]).Sample((at, length, insert) =>
        {
            try
            {
                BlockioClasses.Parse(string.Concat(Classes.AsSpan(0, at), insert, Classes.AsSpan(Math.Min(Classes.Length, at + length))), "/f", "slow");
            }
            catch (RuntimeException e)
            {
                Assert.Contains("/f", e.Message, StringComparison.Ordinal);
            }
        });

    [Theory]
    [InlineData("0", 0ul)]
    [InlineData("500", 500ul)]
    [InlineData("10k", 10_000ul)]
    [InlineData("2Mi", 2_097_152ul)]
    [InlineData("1G", 1_000_000_000ul)]
    public void Quantity_Right_IsANumber(string text, ulong expected) => Assert.Equal(expected, BlockioClasses.Quantity(text));

    [Theory]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("1.5M")]
    [InlineData("1X")]
    [InlineData("99999999999999999999")]
    [InlineData("9999999999999999999T")]
    public void Quantity_Wrong_IsNone(string text) => Assert.Null(BlockioClasses.Quantity(text));
}
