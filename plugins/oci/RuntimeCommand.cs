using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>
/// The runtime's command line (runtime-tools, command-line-interface.md): <c>runtime [global arguments] verb ...</c>.
/// Its environment is built from nothing.
/// </summary>
internal sealed class RuntimeCommand(OciOptions options, bool systemdCgroup)
{
    private const int MaxOutputBytes = 1024 * 1024;

    // Verbs take milliseconds. Past this the runtime hangs, such as on a dead network file system.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    /// <summary>The runtime's absolute path.</summary>
    /// <exception cref="RuntimeException">It is not there.</exception>
    public string Executable => Berth.Linux.Executable.Find(options.Path) ?? throw RuntimeException.Unavailable(
        $"runtime '{options.Path}' is not in {Berth.Linux.Executable.SearchPath}: {Remedy(Path.GetFileName(options.Path), "path")}");

    /// <summary>What stands before the verb. With a log file, standard error has the bare message.</summary>
    public IReadOnlyList<string> GlobalArguments(string root, string logFile = "/dev/null") =>
        [$"--root={root}", $"--log={logFile}", "--log-format=json", .. systemdCgroup ? (string[])["--systemd-cgroup"] : [], .. options.Arguments];

    /// <summary>Runs a verb to its end; a failure of the runtime is in the answer.</summary>
    public Task<CommandResult> RunAsync(
        string root, IReadOnlyList<string> verb, CancellationToken cancellationToken, byte[]? input = null, TimeSpan? limit = null) =>
        RunBareAsync([.. GlobalArguments(root), .. verb], cancellationToken, input, limit);

    /// <summary>Runs it without the global arguments.</summary>
    public async Task<CommandResult> RunBareAsync(
        IReadOnlyList<string> arguments, CancellationToken cancellationToken, byte[]? input = null, TimeSpan? longest = null)
    {
        var command = new Command { Path = Executable, Arguments = arguments };
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(longest ?? Limit);
        try
        {
            return await CommandRunner.RunAsync(command, input, MaxOutputBytes, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new RuntimeException(
                RuntimeErrorCode.DeadlineExceeded, $"{options.Path} {arguments[^1]}: no answer within {(longest ?? Limit).TotalSeconds:0} s; it was killed");
        }
        catch (Exception e) when (e is LinuxException or InvalidDataException)
        {
            throw RuntimeException.Unavailable($"runtime {command.Path}: {e.Message}", e);
        }
    }

    /// <summary>What would bring a missing executable.</summary>
    public static string Remedy(string package, string option) =>
        $"install the package that has it (Debian: apt-get install {package}) or set the option '{option}'";
}
