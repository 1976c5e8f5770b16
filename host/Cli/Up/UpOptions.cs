namespace Berth.Cli.Up;

/// <summary>What <c>berth up</c> was asked for.</summary>
public sealed record UpOptions
{
    /// <summary>Only these handlers; empty is all.</summary>
    public IReadOnlyList<string> Handlers { get; init; } = [];

    /// <summary>A static busybox, of which the sample image is made.</summary>
    public string Busybox { get; init; } = "/bin/busybox";

    /// <summary>Where the built plugins are.</summary>
    public string Plugins { get; init; } = "/usr/lib/berth/plugins";

    /// <summary>Where dockerd and containerd are for a Docker Engine of the demo's own: folders with colons between; empty runs none.</summary>
    public string EnginePath { get; init; } = "";

    /// <summary>Ends after the table.</summary>
    public bool Once { get; init; }

    /// <summary>Keeps everything in <c>/run/NAME</c> and <c>/var/lib/NAME</c>.</summary>
    public string Name { get; init; } = "berth-up";
}
