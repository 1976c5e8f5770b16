using System.Diagnostics;
using Berth.Linux;
using Berth.Tests.Support;

namespace Berth.Bench;

/// <summary>A cold pull of an image of seven layers from a registry on this machine.</summary>
internal static class PullBench
{
    public const string Pull = "cold pull, ms";
    private const int Layers = 7;
    private const int FileBytes = 64 * 1024;

    public static async Task<string> PushAsync(Registry registry, int mib)
    {
        var layers = Enumerable.Range(0, Layers).Select(i => Layer(i, mib * 1024L * 1024 / Layers)).ToList();
        return await registry.PushAsync("bench/pull", "seven", new TestImage(layers));
    }

    public static async Task MeasureAsync(Peer peer, string reference, Timings timings)
    {
        await CommandRunner.RunAsync(new Command { Path = "sync" }, null, 1, CancellationToken.None);
        var begin = Stopwatch.GetTimestamp();
        await peer.Client.Images.PullImageAsync(new() { Image = new() { Image = reference } });
        timings.Add(Pull, Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
        await peer.Client.Images.RemoveImageAsync(new() { Image = new() { Image = reference } });
    }

    // Half noise, half repetition: gzip leaves a bit over half of it, as it does of real images.
    private static TestLayer Layer(int number, long bytes)
    {
        var random = new Random(number);
        var noise = new byte[FileBytes / 2];
        var entries = new List<System.Formats.Tar.TarEntry>();
        for (var i = 0; i < Math.Max(1, bytes / FileBytes); i++)
        {
            if (i % 100 == 0)
            {
                entries.Add(TestLayer.Folder($"layer{number}/{i / 100}/"));
            }

            random.NextBytes(noise);
            var content = new byte[FileBytes];
            noise.CopyTo(content, 0);
            var entry = TestLayer.File($"layer{number}/{i / 100}/file{i}", "");
            entry.DataStream = new MemoryStream(content);
            entries.Add(entry);
        }

        return TestLayer.Of([.. entries]);
    }
}
