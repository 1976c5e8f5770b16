using Berth.Abstractions;
using Berth.Containers;
using Berth.Cri;
using Berth.Sandboxes;
using Berth.State;
using Berth.Tests.Unit.Cri;
using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Berth.Tests.Unit.Containers;

/// <summary>Changes of records and what a listener hears of them.</summary>
public sealed class PodEventsTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly StateDatabase _database;
    private readonly SandboxRegistry _sandboxes;
    private readonly ContainerRegistry _containers;
    private readonly FakeTimeProvider _time = new(Records.Created);
    private readonly PodEvents _events;

    public PodEventsTests()
    {
        _database = new(Path.Combine(_folder.Path, "berth.db"));
        (_sandboxes, _containers) = (new(_database), new(_database));
        _events = new(_sandboxes, _containers, _time);
    }

    public void Dispose()
    {
        _database.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Life_OfAPod_IsToldInOrderWithTheWholePod()
    {
        using var reader = _events.Listen();
        _sandboxes.Add(Records.Sandbox(phase: SandboxPhase.Creating));
        Move(SandboxPhase.Ready);
        _containers.Add(Records.Container(phase: ContainerPhase.Creating));
        Move(ContainerPhase.Created);
        Move(ContainerPhase.Starting);
        Move(ContainerPhase.Running);
        Move(ContainerPhase.Exited);
        Move(SandboxPhase.Stopping);
        Move(SandboxPhase.NotReady);
        Move(ContainerPhase.Removing);
        _containers.Delete("c0de");
        Move(SandboxPhase.Removing);
        _sandboxes.Delete("0a1b");

        var heard = await TakeAsync(reader, 8);
        Assert.Equal(
            [
                ("0a1b", PodEventType.Created), ("0a1b", PodEventType.Started), ("c0de", PodEventType.Created), ("c0de", PodEventType.Started),
                ("c0de", PodEventType.Stopped), ("0a1b", PodEventType.Stopped), ("c0de", PodEventType.Deleted), ("0a1b", PodEventType.Deleted),
            ],
            heard.Select(static e => (e.Id, e.Type)));
        Assert.Equal([0, 0, 1, 1, 1, 1, 0, 0], heard.Select(static e => e.Containers.Count));
        Assert.Equal(ContainerPhase.Running, heard[3].Containers[0].Phase);
        Assert.Equal(SandboxPhase.Removing, heard[7].Sandbox.Phase);
    }

    [Fact]
    public async Task Clock_SetBack_DoesNotTurnTheOrderRound()
    {
        using var reader = _events.Listen();
        _sandboxes.Add(Records.Sandbox(phase: SandboxPhase.Creating));
        Move(SandboxPhase.Ready);
        _time.AdjustTime(Records.Created.AddHours(-1));
        Move(SandboxPhase.NotReady);

        var times = (await TakeAsync(reader, 3)).Select(static e => e.Time).ToList();
        Assert.Equal(times.Order().Distinct(), times);
    }

    [Fact]
    public async Task Create_ThatIsUndone_IsNotTold()
    {
        using var reader = _events.Listen();
        _sandboxes.Add(Records.Sandbox(phase: SandboxPhase.Creating));
        Move(SandboxPhase.Removing);
        _sandboxes.Delete("0a1b");
        _sandboxes.Add(Records.Sandbox("ffff", SandboxPhase.Creating));
        _sandboxes.Update("ffff", static s => s with { Phase = SandboxPhase.Ready });

        Assert.Equal("ffff", (await TakeAsync(reader, 1))[0].Id);
    }

    [Theory]
    [InlineData(ExitReasons.Error, new[] { PodEventType.Started, PodEventType.Stopped, PodEventType.Deleted })]
    [InlineData(ExitReasons.StartError, new[] { PodEventType.Stopped, PodEventType.Deleted })]
    public async Task End_BeforeTheStartHasAnswered_IsAStartToo_UnlessItFailed(string reason, PodEventType[] expected)
    {
        _sandboxes.Add(Records.Sandbox());
        _containers.Add(Records.Container(phase: ContainerPhase.Created));
        using var reader = _events.Listen();
        Move(ContainerPhase.Starting);
        _containers.Update("c0de", c => c with { Phase = ContainerPhase.Exited, Reason = reason });
        _containers.Delete("c0de");

        Assert.Equal(expected, (await TakeAsync(reader, expected.Length)).Select(static e => e.Type));
    }

    [Fact]
    public async Task Removal_OfARunningPod_StopsItFirst()
    {
        _sandboxes.Add(Records.Sandbox());
        using var reader = _events.Listen();
        Move(SandboxPhase.Removing);
        _sandboxes.Delete("0a1b");

        Assert.Equal([PodEventType.Stopped, PodEventType.Deleted], (await TakeAsync(reader, 2)).Select(static e => e.Type));
    }

    [Fact]
    public async Task Reader_TooSlow_IsToldToListAnew()
    {
        _sandboxes.Add(Records.Sandbox());
        using var slow = _events.Listen();
        for (var i = 0; i < 600; i++)
        {
            Move(SandboxPhase.NotReady);
            Move(SandboxPhase.Creating);
            Move(SandboxPhase.Ready);
        }

        var failure = await Assert.ThrowsAsync<RuntimeException>(() => TakeAsync(slow, int.MaxValue));
        Assert.Equal(RuntimeErrorCode.ResourceExhausted, failure.Code);
        Assert.Contains("list everything anew", failure.Message, StringComparison.Ordinal);

        using var fresh = _events.Listen();
        Move(SandboxPhase.NotReady);
        Assert.Equal(PodEventType.Stopped, (await TakeAsync(fresh, 1))[0].Type);
    }

    // The wire holds some of what is sent, so each event is large.
    [Fact]
    public async Task ReaderThatDoesNotRead_OverTheWire_IsToldToListAnew()
    {
        using var stopping = new CancellationTokenSource();
        await using var server = new CriServer();
        await server.StartAsync(new RuntimeService(null!, null!, null!, null!, _events, null!, null!, new Lifetime(stopping.Token), _time, NullLogger<RuntimeService>.Instance));
        var sandbox = Records.Sandbox();
        _sandboxes.Add(sandbox with { Spec = sandbox.Spec with { Annotations = new Dictionary<string, string> { ["a"] = new('x', 64 * 1024) } } });
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var call = server.Client.GetContainerEvents(new(), cancellationToken: limit.Token);
        await call.ResponseHeadersAsync;

        for (var i = 0; i < 700; i++)
        {
            Move(SandboxPhase.NotReady);
            Move(SandboxPhase.Creating);
            Move(SandboxPhase.Ready);
        }

        var read = 0;
        var failure = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await call.ResponseStream.MoveNext(limit.Token))
            {
                read++;
            }
        });
        Assert.Equal(StatusCode.ResourceExhausted, failure.StatusCode);
        Assert.Contains("list everything anew", failure.Status.Detail, StringComparison.Ordinal);
        Assert.InRange(read, 1, 2100 - 1);
    }

    private sealed class Lifetime(CancellationToken stopping) : IHostApplicationLifetime
    {
        public CancellationToken ApplicationStarted => CancellationToken.None;

        public CancellationToken ApplicationStopping => stopping;

        public CancellationToken ApplicationStopped => CancellationToken.None;

        public void StopApplication() => throw new NotSupportedException();
    }

    private void Move(SandboxPhase phase) => _sandboxes.Update("0a1b", s => s with { Phase = phase });

    private void Move(ContainerPhase phase) => _containers.Update("c0de", c => c with { Phase = phase });

    private static async Task<List<PodEvent>> TakeAsync(PodEventReader reader, int count)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var heard = new List<PodEvent>();
        await foreach (var item in reader.ReadAllAsync(limit.Token))
        {
            heard.Add(item);
            if (heard.Count == count)
            {
                break;
            }
        }

        return heard;
    }
}
