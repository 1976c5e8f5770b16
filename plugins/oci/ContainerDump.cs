using Berth.Abstractions;

namespace Berth.Plugins.Oci;

/// <summary>The runtime's verbs for checkpoints, which have CRIU do the work.</summary>
internal static class ContainerDump
{
    /// <summary>Within a checkpoint's folder, the processes.</summary>
    public const string Images = "checkpoint";

    private const string Log = "dump.log";

    // It grows with the memory of the container; the caller's own deadline comes first.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(30);

    /// <summary>Writes a checkpoint. Once begun it goes on to its end: a container whose dump is cut off is left stopped or broken.</summary>
    public static async Task WriteAsync(string id, CheckpointRequest request, string runtimeRoot, HandlerTools tools, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        string[] verb =
        [
            "checkpoint", "--file-locks",
            "--image-path", Path.Combine(request.Directory, Images),
            "--work-path", request.Directory,
            .. request.LeaveRunning ? (string[])["--leave-running"] : [],
            id,
        ];
        var result = await tools.Runtime.RunAsync(runtimeRoot, verb, CancellationToken.None, limit: Limit).ConfigureAwait(false);
        if (result.ExitCode != 0)
        {
            throw RuntimeException.FailedPrecondition($"container {id} cannot be checkpointed: {Words(result.Error, Path.Combine(request.Directory, Log))}");
        }
    }

    /// <summary>What the runtime said, and what CRIU wrote down of it.</summary>
    public static string Words(string said, string log) => CriuCheck.Errors(log) is { Length: > 0 } errors ? $"{said}; CRIU says: {errors}" : said;
}
