using System.Text;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Containers.Checkpoints;
using Berth.Containers.Spec;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Berth.Tests.Unit.Containers.Checkpoints;

public sealed class RestoreChecksTests
{
    [Theory]
    [InlineData("/a,/b", "/a,/b", null)]
    [InlineData("/a,/b/", "/b,/a", null)]
    [InlineData("/a,/host", "/a", "has mounts that the request lacks: /host")]
    [InlineData("/a", "/a,/new", "has no mounts at /new")]
    public void Mounts_OfBoth_MustBeTheSame(string had, string has, string? refusal)
    {
        var was = RestoreChecks.Read(Encoding.UTF8.GetBytes($$"""
            {"process":{"terminal":false},"mounts":[{"destination":"/proc","type":"proc"},{{string.Join(',', had.Split(',').Select(static d => $$"""{"destination":"{{d}}","source":"/evil","options":["rbind"]}"""))}}]}
            """));
        var container = Spec(terminal: false, has.Split(','));
        Check(was, container, refusal);
    }

    [Theory]
    [InlineData(true, false, "tty must be true")]
    [InlineData(false, true, "tty must be false")]
    [InlineData(true, true, null)]
    public void Terminal_OfBoth_MustBeTheSame(bool had, bool has, string? refusal) => Check(([], had), Spec(has, []), refusal);

    [Theory]
    [InlineData("nonsense")]
    [InlineData("[]")]
    [InlineData("""{"mounts":5}""")]
    [InlineData("""{"mounts":[{"destination":5,"type":"bind"}]}""")]
    public void Spec_ThatIsNone_IsNotRead(string json) => Assert.ThrowsAny<JsonException>(() => RestoreChecks.Read(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public async Task Work_ThatTakesTooLong_IsToldInTime_AndItsResultStaysAway()
    {
        var time = new FakeTimeProvider();
        var (release, committed) = (new TaskCompletionSource(), false);
        TimedWork? begun = null;
        var run = TimedWork.RunAsync("it", TimeSpan.FromSeconds(5), time, async work =>
        {
            begun = work;
            await release.Task;
            work.Commit(() => committed = true);
        }, CancellationToken.None);
        time.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(RuntimeErrorCode.DeadlineExceeded, (await Assert.ThrowsAsync<RuntimeException>(() => run)).Code);
        Assert.True(begun!.Token.IsCancellationRequested);
        release.SetResult();
        Assert.Throws<OperationCanceledException>(() => begun.Commit(() => committed = true));
        Assert.False(committed);
    }

    private static void Check((HashSet<string>, bool) was, OciSpec container, string? refusal)
    {
        if (refusal is null)
        {
            RestoreChecks.Demand(was, container, "c", "/a.tar");
            return;
        }

        var thrown = Assert.Throws<RuntimeException>(() => RestoreChecks.Demand(was, container, "c", "/a.tar"));
        Assert.Contains(refusal, thrown.Message, StringComparison.Ordinal);
    }

    private static OciSpec Spec(bool terminal, string[] binds) => new()
    {
        OciVersion = "1.0.2",
        Process = new() { Terminal = terminal, User = new() { Uid = 0, Gid = 0 }, Args = [], Env = [], Cwd = "/", Capabilities = new() },
        Root = new("/r", false),
        Mounts = [new("/proc", "proc", "proc", []), .. binds.Select(static b => new OciMount(b, "bind", "/own", ["rbind"]))],
        Linux = null!,
    };
}
