using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Cdi;
using Berth.Containers.Checkpoints;
using Berth.Containers.Rootfs;
using Berth.Containers.Spec;
using Berth.Images;
using Berth.Plugins;
using Berth.Sandboxes;
using Berth.Tests.Unit.Images;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;
using Xunit;

namespace Berth.Tests.Unit.Containers;

public sealed class ContainerPlannerTests : IAsyncLifetime
{
    private readonly StoreFixture _store = new();
    private readonly List<GuardedHandler> _handlers = [];
    private ImageModel _image = null!;

    public async ValueTask InitializeAsync()
    {
        await using var registry = await FakeRegistry.StartAsync();
        registry.Put("app", "v1", new TarBuilder().File("a", "a").ToArray());
        _image = await _store.Puller.PullAsync($"{registry.Host}/app:v1", null, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var handler in _handlers)
        {
            await handler.DisposeAsync();
        }

        await _store.DisposeAsync();
    }

    /// <summary>
    /// Two generations, swapped without end: in one a rule denies the image, in the other one it does not. A plan that sees both would
    /// pass the rules of one and be made for the handler of the other.
    /// </summary>
    [Fact]
    public async Task Plan_WhileGenerationsAreSwapped_SeesOneOfThem()
    {
        var (denies, allows) = (await SnapshotAsync("denies", ["*/app:v1"]), await SnapshotAsync("allows", []));
        using var table = new HandlerTable(denies);
        var planner = Planner(table);
        using var end = new CancellationTokenSource();
        var swapping = Task.Run(() =>
        {
            while (!end.IsCancellationRequested)
            {
                table.Swap(allows);
                table.Swap(denies);
            }
        });

        var (denied, made) = (0, 0);
        // Until both were seen often; where one processor does all, that takes its time slices.
        for (var i = 0; i < 1_000_000 && (denied < 10_000 || made < 10_000); i++)
        {
            try
            {
                var plan = await planner.PlanAsync("pod", new() { Name = "c", Image = _image.Id, Annotations = new Dictionary<string, string> { ["allows/key"] = "", ["denies/key"] = "" } });
                Assert.Equal(("allows", "allows"), (plan.Check.RuntimeVersion, plan.Handler.Health.Check.RuntimeVersion));
                Assert.Equal(["allows/key"], plan.Annotations.Keys);
                made++;
            }
            catch (RuntimeException e) when (e.Code == RuntimeErrorCode.PermissionDenied)
            {
                denied++;
            }
        }

        await end.CancelAsync();
        await swapping;
        Assert.True(denied >= 10_000 && made >= 10_000, $"{denied} denied, {made} made");
    }

    private ContainerPlanner Planner(HandlerTable table)
    {
        var sandboxes = new SandboxRegistry(_store.Database);
        sandboxes.Add(new()
        {
            Id = "pod",
            Spec = new() { Name = "p", Namespace = "n", Uid = "u" },
            Phase = SandboxPhase.Ready,
            CreatedAt = DateTimeOffset.UnixEpoch,
            Handler = "h",
            HandlerReason = "default",
            Cgroup = new() { Path = "/c", OverheadPath = "/c/o" },
        });
        return new(
            sandboxes,
            new(_store.Database),
            new CheckpointSources(_store.Images, _store.Views, table),
            new VolumeImages(_store.Snapshots, _store.Images, new(_store.Root)),
            new CdiRegistry(new() { CdiFolders = [] }),
            new ResourceClasses(new(new())),
            table,
            new(CgroupDriver.Cgroupfs),
            HostFacts.Read(),
            TimeProvider.System);
    }

    private async Task<PluginSnapshot> SnapshotAsync(string name, IReadOnlyList<string> denied)
    {
        var inner = new Mock<IRuntimeHandler>();
        inner.Setup(static h => h.CheckAsync(It.IsAny<CancellationToken>())).ReturnsAsync(new HandlerCheck { Ready = true, RuntimeVersion = name, Features = new() { RootfsForms = [RootfsForm.Mounted] } });
        var handler = new GuardedHandler(inner.Object, new("p", "h", static _ => { }, TimeProvider.System, NullLogger.Instance), TimeProvider.System, NullLogger.Instance);
        _handlers.Add(handler);
        await handler.Health.RefreshAsync(CancellationToken.None);
        return new([], [new() { Name = "h", Plugin = "p", Handler = handler, Annotations = [$"{name}/key"] }])
        {
            Options = new() { Selection = new() { Rules = denied.Count == 0 ? [] : [new() { Name = "no", Deny = "not here", When = new() { Images = denied } }] } },
        };
    }
}
