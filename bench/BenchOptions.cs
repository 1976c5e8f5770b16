using System.Globalization;

namespace Berth.Bench;

/// <summary>What is measured, and how often.</summary>
internal sealed record BenchOptions
{
    /// <summary>Pods run one after another, for each peer.</summary>
    public int Pods { get; init; } = 15;

    /// <summary>Pods run several at a time, for each peer.</summary>
    public int ParallelPods { get; init; } = 20;

    public int AtOnce { get; init; } = 8;

    /// <summary>Pods that stay while memory is read.</summary>
    public int MemoryPods { get; init; } = 10;

    /// <summary>Containers on the node while it is asked for lists; 0 asks for none.</summary>
    public int ListContainers { get; init; } = 100;

    /// <summary>The size of the files in the image that is pulled.</summary>
    public int PullMib { get; init; } = 200;

    public int Pulls { get; init; } = 3;

    public IReadOnlyList<string> Handlers { get; init; } = ["runc", "crun"];

    public static BenchOptions Parse(string[] arguments)
    {
        var options = new BenchOptions();
        for (var i = 0; i < arguments.Length; i += 2)
        {
            var value = i + 1 < arguments.Length ? arguments[i + 1] : throw new ArgumentException($"{arguments[i]} needs a value");
            options = arguments[i] switch
            {
                "--pods" => options with { Pods = Number(value) },
                "--parallel-pods" => options with { ParallelPods = Number(value) },
                "--at-once" => options with { AtOnce = Number(value) },
                "--memory-pods" => options with { MemoryPods = Number(value) },
                "--list-containers" => options with { ListContainers = Number(value) },
                "--pull-mib" => options with { PullMib = Number(value) },
                "--pulls" => options with { Pulls = Number(value) },
                "--handlers" => options with { Handlers = value.Split(',') },
                _ => throw new ArgumentException($"unknown option {arguments[i]}; there are --pods, --parallel-pods, --at-once, --memory-pods, --list-containers, --pull-mib, --pulls, --handlers"),
            };
        }

        return options;
    }

    private static int Number(string text) => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
