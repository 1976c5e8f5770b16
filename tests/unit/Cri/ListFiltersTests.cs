using Berth.Containers;
using Berth.Cri.Mapping;
using Berth.Sandboxes;
using Xunit;
using Protos = Berth.Cri.Protos;

namespace Berth.Tests.Unit.Cri;

public sealed class ListFiltersTests
{
    public static TheoryData<Protos.PodSandboxFilter?, bool> SandboxFilters => new()
    {
        { null, true },
        { new(), true },
        { new() { Id = "0a1b" }, true },
        { new() { Id = "0a" }, true },
        { new() { Id = "a1" }, false },
        { new() { State = new() { State = Protos.PodSandboxState.SandboxReady } }, true },
        { new() { State = new() { State = Protos.PodSandboxState.SandboxNotready } }, false },
        { new() { LabelSelector = { ["app"] = "web", ["tier"] = "front" } }, true },
        { new() { LabelSelector = { ["app"] = "web", ["tier"] = "back" } }, false },
        { new() { LabelSelector = { ["zone"] = "" } }, false },
        { new() { Id = "0a", LabelSelector = { ["app"] = "api" } }, false },
    };

    public static TheoryData<Protos.ContainerFilter?, bool> ContainerFilters => new()
    {
        { null, true },
        { new() { Id = "c0" }, true },
        { new() { PodSandboxId = "0a1b" }, true },
        { new() { PodSandboxId = "0a" }, true },
        { new() { PodSandboxId = "ff" }, false },
        { new() { State = new() { State = Protos.ContainerState.ContainerRunning } }, true },
        { new() { State = new() { State = Protos.ContainerState.ContainerCreated } }, false },
        { new() { LabelSelector = { ["app"] = "web" } }, true },
        { new() { LabelSelector = { ["app"] = "WEB" } }, false },
    };

    [Theory]
    [MemberData(nameof(SandboxFilters), DisableDiscoveryEnumeration = true)]
    public void Matches_Sandbox_NeedsAllThatIsGiven(Protos.PodSandboxFilter? filter, bool expected) =>
        Assert.Equal(expected, ListFilters.Matches(Records.Sandbox(phase: SandboxPhase.Ready), filter));

    [Theory]
    [MemberData(nameof(ContainerFilters), DisableDiscoveryEnumeration = true)]
    public void Matches_Container_NeedsAllThatIsGiven(Protos.ContainerFilter? filter, bool expected) =>
        Assert.Equal(expected, ListFilters.Matches(Records.Container(phase: ContainerPhase.Running), filter));

    [Fact]
    public void Matches_StatsFilter_NeedsAllThatIsGiven()
    {
        var container = Records.Container();

        Assert.True(ListFilters.Matches(container, new Protos.ContainerStatsFilter { Id = "c0de", PodSandboxId = "0a", LabelSelector = { ["app"] = "web" } }));
        Assert.False(ListFilters.Matches(container, new Protos.ContainerStatsFilter { Id = "c0de", PodSandboxId = "1a" }));
    }
}
