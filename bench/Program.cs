using Berth.Bench;
using Berth.Cli.Up;
using Berth.Linux;
using Berth.Tests.Support;

const string Reference = "containerd";
var options = BenchOptions.Parse(args);
using var forwarding = new Forwarding();
// containerd's CNI library keeps its results there.
const string CniResults = "/var/lib/cni/results";
var ownsCniResults = !Directory.Exists(CniResults);
var before = await MachineState.ReadAsync();
using (var folder = new TempFolder())
{
    await SampleImage.WriteAsync(folder["sample"], Busybox.Path, CancellationToken.None);
    await using var registry = await Registry.StartAsync();
    await using var containerd = await Containerd.StartAsync(folder["sample"]);
    await using var gateway = await Gateway.StartAsync(sample: folder["sample"]);
    var version = await containerd.Client.Runtime.VersionAsync(new());
    Console.WriteLine($"peer: {version.RuntimeName} {version.RuntimeVersion}; {Environment.ProcessorCount} cores, Linux {Environment.OSVersion.Version}");

    var peers = new List<Peer> { new(Reference, containerd.Client, "", containerd.Logs, Containerd.PodCgroups) };
    foreach (var handler in options.Handlers)
    {
        var (ready, reason) = await gateway.HandlerAsync(handler);
        if (ready)
        {
            peers.Add(new($"berth {handler}", gateway.Client, handler, gateway.Logs, Requests.Cgroups));
        }
        else
        {
            Console.WriteLine($"berth {handler} is left out: {reason}");
        }
    }

    var results = peers.Select(static p => (p.Name, Timings: new Timings())).ToList();
    results[0].Timings.Add(MemoryBench.Idle, MemoryBench.PssKib(containerd.Pid));
    results[1].Timings.Add(MemoryBench.Idle, MemoryBench.PssKib(gateway.Pid));

    // One of each in turn, so that whatever else this machine does meets all of them alike. The first round warms up.
    await EachAsync(1, static (peer, _) => PodBench.OneAsync(peer, new Timings()));
    await EachAsync(options.Pods, PodBench.OneAsync);
    await EachAsync(1, (peer, timings) => PodBench.ManyAsync(peer, options.ParallelPods, options.AtOnce, timings));
    await EachAsync(1, (peer, timings) => MemoryBench.MeasureAsync(peer, options.MemoryPods, timings));
    if (options.ListContainers > 0)
    {
        await ListBench.MeasureAsync(peers[0], options.ListContainers, results[0].Timings);
        await ListBench.MeasureAsync(peers[1], options.ListContainers, results[1].Timings);
    }

    if (options.Pulls > 0)
    {
        var reference = await PullBench.PushAsync(registry, options.PullMib);
        foreach (var i in Enumerable.Range(0, options.Pulls))
        {
            await PullBench.MeasureAsync(peers[0], reference, results[0].Timings);
            await PullBench.MeasureAsync(peers[1], reference, results[1].Timings);
        }
    }

    Report.Print(
        $"median milliseconds of {options.Pods} pods, one after another", results, Reference,
        PodBench.Run, PodBench.Create, PodBench.Start, PodBench.Up, PodBench.Exec, PodBench.Stop, PodBench.Remove, PodBench.Down);
    Report.Print($"{options.ParallelPods} pods, {options.AtOnce} at once; memory of {options.MemoryPods} pods; {options.PullMib} MiB in seven layers", results, Reference,
        PodBench.Parallel, MemoryBench.PerPod, MemoryBench.Idle, PullBench.Pull);

    Report.Print($"lists on a node with {options.ListContainers} containers, median milliseconds", results, Reference, ListBench.Pods, ListBench.Containers, ListBench.Stats, ListBench.PodStats, ListBench.Metrics, ListBench.Images);

    async Task EachAsync(int times, Func<Peer, Timings, Task> measure)
    {
        for (var i = 0; i < times; i++)
        {
            foreach (var (peer, result) in peers.Zip(results))
            {
                await measure(peer, result.Timings);
            }
        }
    }
}

var floors = new List<(string, Timings)>();
foreach (var runtime in (string[])["runc", "crun"])
{
    var (timings, reason) = await FloorBench.MeasureAsync(runtime, options.Pods);
    if (timings is null)
    {
        Console.WriteLine($"{runtime} alone is left out: {reason.Trim()}");
        continue;
    }

    floors.Add((runtime, timings));
}

Report.Print("the runtimes alone, median milliseconds", floors, null, FloorBench.Create, FloorBench.Start, FloorBench.Delete, FloorBench.All);
await new Cgroups(CgroupLayout.Detect()).RemoveAsync(Requests.Cgroups, CancellationToken.None);
if (ownsCniResults && Directory.Exists(CniResults))
{
    Directory.Delete(CniResults);
}

await NatChains.RemoveUnusedAsync(CancellationToken.None);
var left = await before.WhatIsNewAsync();
if (left.Count > 0)
{
    Console.Error.WriteLine("left on this machine:\n" + string.Join('\n', left));
    return 1;
}

return 0;
