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

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task Log_LongLine_ComesInPartsThatJoin(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        await pod.RunToEndAsync(Requests.Script("talk", "head -c 20000 /dev/zero | tr '\\0' x; echo; echo end"));
        var lines = pod.Log("talk.log");
        Assert.Contains(lines, static l => l.Tag == "P");
        Assert.Equal(new string('x', 20000) + "\nend\n", LogLine.Join(lines, "stdout"));
    }

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task Log_NoNewlineAtTheEnd_IsNotLost(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        await pod.RunToEndAsync(Requests.Script("talk", "printf unfinished"));
        Assert.Equal("unfinished", LogLine.Join(pod.Log("talk.log"), "stdout").TrimEnd('\n'));
    }

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task ReopenContainerLog_Rotated_WritesToTheNewFile(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
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

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task ReopenContainerLog_UnderLoad_LosesAndDoublesNothing(string handler)
    {
        const int Rotations = 8, LinesPerFile = 20_000;
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Requests.Script("flood", "i=0; while ! [ -e /tmp/stop ]; do seq $i $((i+4999)); i=$((i+5000)); done; seq $i $((i+9)) | tr '\\n' ' '"));
        var path = Path.Combine(pod.Config.LogDirectory, "flood.log");
        for (var number = 0; number < Rotations; number++)
        {
            // A line has some forty bytes.
            await Wait.ForAsync(() => File.Exists(path) && new FileInfo(path).Length > LinesPerFile * 40, TimeSpan.FromSeconds(20));
            File.Move(path, $"{path}.{number}");
            await suite.Client.Runtime.ReopenContainerLogAsync(new() { ContainerId = id });
        }

        await pod.ExecAsync(id, "touch", "/tmp/stop");
        Assert.Equal(0, (await pod.ExitedAsync(id)).ExitCode);
        var lines = Enumerable.Range(0, Rotations).SelectMany(n => LogLine.Read($"{path}.{n}")).Concat(LogLine.Read(path));
        var numbers = LogLine.Join(lines, "stdout").Split(['\n', ' '], StringSplitOptions.RemoveEmptyEntries);
        Assert.True(numbers.Length > Rotations * LinesPerFile, $"{numbers.Length} lines");
        var wrong = Enumerable.Range(0, numbers.Length).Where(i => numbers[i] != i.ToString(System.Globalization.CultureInfo.InvariantCulture)).Take(3).Select(i => $"{numbers[i]} at {i}");
        Assert.Empty(wrong);
    }
}
