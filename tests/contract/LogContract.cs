using System.Text.RegularExpressions;

namespace Berth.Tests.Contract;

/// <summary>A container's output in its log file: complete, in order, in CRI's form, whatever becomes of the gateway.</summary>
public sealed partial class LogContract
{
    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Log_OfACommand_IsInCriFormat(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var request = await turn.Pod.PlanAsync("echo out; echo err >&2; echo -n partial");
        var container = await turn.Pod.RunAsync(request);
        await container.Init.Exit.Soon();
        var lines = await File.ReadAllLinesAsync(request.LogPath!);
        Assert.All(lines, static line => Assert.Matches(Line(), line));
        Assert.Contains(lines, static l => l.EndsWith(" stdout F out", StringComparison.Ordinal));
        Assert.Contains(lines, static l => l.EndsWith(" stderr F err", StringComparison.Ordinal));
        Assert.Contains(lines, static l => l.EndsWith(" stdout P partial", StringComparison.Ordinal));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Log_AfterReopen_GoesOnInTheNewFileWithoutLoss(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var request = await turn.Pod.PlanAsync(Numbers(300, "exit 0"));
        var container = await turn.Pod.RunAsync(request);
        await Waiting.LogAsync(request, "line 20");
        var rotated = request.LogPath + ".1";
        File.Move(request.LogPath!, rotated);
        await container.ReopenLogAsync(CancellationToken.None);
        Assert.True(File.Exists(request.LogPath));
        // A retry of the same call must not cost what was written since.
        await container.ReopenLogAsync(CancellationToken.None);
        await container.Init.Exit.Soon();
        AssertNumbers(300, await ReadAsync(rotated), await ReadAsync(request.LogPath!));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Log_OfAContainerThatWritesWhileTheGatewayIsKilled_HasEveryLineOnce(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var (host, pod) = (turn.Host, turn.Pod);
        var request = await pod.PlanAsync(Numbers(1500, "exit 21"));
        await pod.RunAsync(request);
        foreach (var seen in (string[])["line 30", "line 300"])
        {
            await Waiting.LogAsync(request, seen);
            await host.RestartAsync();
            await pod.RestoreAsync();
        }

        Assert.Equal(21, (await pod.Sandbox.FindContainer(request.ContainerId)!.Init.Exit.Soon()).Code);
        AssertNumbers(1500, await ReadAsync(request.LogPath!));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Log_OfAContainerThatEndsWhileTheGatewayIsAway_IsComplete(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.SharedFolders);
        var (host, pod) = (turn.Host, turn.Pod);
        var folder = pod.NewFolder("done");
        var script = $"until [ -e /done/go ]; do sleep 0.02; done; {Numbers(200, "touch /done/ended; exit 22")}";
        var request = await pod.PlanAsync(script, edit: config => config["mounts"]!.AsArray().Add(Bundle.BindMount(folder, "/done", readOnly: false)));
        await pod.RunAsync(request);
        await host.KillAsync();
        await File.WriteAllTextAsync(Path.Combine(folder, "go"), "");
        await Waiting.ExistsAsync(Path.Combine(folder, "ended"));
        await host.ReviveAsync();
        await pod.RestoreAsync();
        var exit = await pod.Sandbox.FindContainer(request.ContainerId)!.Init.Exit.Soon();
        Assert.Equal((22, null), (exit.Code, exit.LostReason));
        AssertNumbers(200, await ReadAsync(request.LogPath!));
    }

    // A pause after each line would be a process for each, and in a translated machine those take a quarter of a second.
    private static string Numbers(int count, string last) =>
        $"i=0; while [ $i -lt {count} ]; do i=$((i+1)); echo line $i; [ $((i % 10)) -ne 0 ] || sleep 0.02; done; {last}";

    private static void AssertNumbers(int count, params IEnumerable<string>[] files) => Assert.Equal(
        Enumerable.Range(1, count).Select(static i => $"line {i}"),
        files.SelectMany(static f => f).Select(static l => l.Split(' ', 4)[3]));

    private static Task<string[]> ReadAsync(string path) => File.ReadAllLinesAsync(path);

    [GeneratedRegex(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d) (stdout|stderr) [FP] ")]
    private static partial Regex Line();
}
