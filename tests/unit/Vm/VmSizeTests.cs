using Berth.Plugins.Vm;
using Xunit;

namespace Berth.Tests.Unit.Vm;

public sealed class VmSizeTests
{
    private const long MiB = 1 << 20;
    private static readonly VmOptions Options = new() { OverheadMemoryMiB = 128, DefaultMemoryMiB = 512, DefaultProcessors = 1 };

    [Theory]
    [InlineData(0, 0, 640)]
    [InlineData(256, 0, 384)]
    [InlineData(256, 64, 384)]
    [InlineData(256, 200, 456)]
    public void Memory_IsThatOfTheContainers_AndWhatTheGuestNeeds(long containers, long overhead, int expected) =>
        Assert.Equal(expected, VmSize.Of(new() { MemoryBytes = containers * MiB, OverheadMemoryBytes = overhead * MiB }, Options).MemoryMiB);

    [Fact]
    public void Processors_AreWholeOnes_AndNoMoreThanTheMachineHas()
    {
        Assert.Equal(1, VmSize.Of(new(), Options).Processors);
        Assert.Equal(1, VmSize.Of(new() { CpuMillis = 100 }, Options).Processors);
        Assert.Equal(Environment.ProcessorCount, VmSize.Of(new() { CpuMillis = 1_000_000 }, Options).Processors);
    }

    [Fact]
    public void Overhead_DeclaredTooSmall_IsSaid()
    {
        Assert.NotNull(VmSize.OverheadNote(new() { OverheadMemoryBytes = 64 * MiB }, Options));
        Assert.Null(VmSize.OverheadNote(new() { OverheadMemoryBytes = 128 * MiB }, Options));
    }
}
