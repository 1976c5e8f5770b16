using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Logs in the form that kubelets read.</summary>
public sealed class LogTests(Suite suite)
{
    [Theory, MemberData(nameof(Suite.HandlersAndApart), MemberType = typeof(Suite))]
    public async Task Log_BothStreams_AreTold(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var status = await pod.RunToEndAsync(Requests.Script("talk", "echo one; echo two >&2"));
        var lines = pod.Log("talk.log");
        Assert.Contains(lines, static l => l is { Stream: "stdout", Tag: "F", Text: "one" });
        Assert.Contains(lines, static l => l is { Stream: "stderr", Tag: "F", Text: "two" });
        Assert.Equal(Path.Combine(pod.Config.LogDirectory, "talk.log"), status.LogPath);
    }

    [Fact]
    public async Task Log_LongLine_ComesInPartsThatJoin()
    {
        await using var pod = await suite.PodAsync();
        await pod.RunToEndAsync(Requests.Script("talk", "head -c 20000 /dev/zero | tr '\\0' x; echo; echo end"));
        var lines = pod.Log("talk.log");
        Assert.Contains(lines, static l => l.Tag == "P");
        Assert.Equal(new string('x', 20000) + "\nend\n", LogLine.Join(lines, "stdout"));
    }

    [Fact]
    public async Task Log_NoNewlineAtTheEnd_IsNotLost()
    {
        await using var pod = await suite.PodAsync();
        await pod.RunToEndAsync(Requests.Script("talk", "printf unfinished"));
        Assert.Equal("unfinished", LogLine.Join(pod.Log("talk.log"), "stdout").TrimEnd('\n'));
    }

    [Fact]
    public async Task ReopenContainerLog_Rotated_WritesToTheNewFile()
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.StartAsync(Requests.Script("talk", "trap 'exit 0' TERM; echo first; while ! [ -e /tmp/go ]; do sleep 0.05; done; echo second; while :; do sleep 3600 & wait; done"));
        await Wait.ForAsync(() => pod.Log("talk.log").Count == 1, TimeSpan.FromSeconds(10));
        var path = Path.Combine(pod.Config.LogDirectory, "talk.log");
        File.Move(path, path + ".1");
        await suite.Client.Runtime.ReopenContainerLogAsync(new() { ContainerId = id });
        Assert.True(File.Exists(path));
        await pod.ExecAsync(id, "touch", "/tmp/go");
        await Wait.ForAsync(() => pod.Log("talk.log").Count == 1, TimeSpan.FromSeconds(10));
        Assert.Equal("second", pod.Log("talk.log")[0].Text);
        Assert.Equal("first", Assert.Single(pod.Log("talk.log.1")).Text);
    }
}
