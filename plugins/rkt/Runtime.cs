using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>crun's command line within a stage 1. It is told to leave cgroups alone: these are the handler's.</summary>
internal sealed class Runtime(Programs programs)
{
    private const int MaxOutputBytes = 1024 * 1024;

    // Verbs take milliseconds. Past this the runtime hangs, such as on a dead network file system.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    /// <summary>What stands before the verb. With a log file, standard error has the bare message.</summary>
    public static IReadOnlyList<string> GlobalArguments(Stage1 stage1, string logFile = "/dev/null") =>
        [$"--root={stage1.Seen(stage1.Pod.RuntimeRoot)}", $"--log={logFile}", "--log-format=json", "--cgroup-manager=disabled"];

    /// <summary>Runs a verb to its end; a failure of the runtime is in the answer.</summary>
    public Task<CommandResult> RunAsync(Stage1 stage1, IReadOnlyList<string> verb, CancellationToken cancellationToken) =>
        RunAsync(stage1.Enter(programs, programs.Runtime, [.. GlobalArguments(stage1), .. verb]), verb[0], cancellationToken);

    /// <summary>Runs a command to its end within the limit.</summary>
    public static async Task<CommandResult> RunAsync(Command command, string what, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            return await CommandRunner.RunAsync(command, null, MaxOutputBytes, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new RuntimeException(RuntimeErrorCode.DeadlineExceeded, $"{what}: no answer within {Limit.TotalSeconds:0} s; it was killed");
        }
        catch (Exception e) when (e is LinuxException or InvalidDataException)
        {
            throw RuntimeException.Unavailable($"{what}: {command.Path}: {e.Message}", e);
        }
    }
}
