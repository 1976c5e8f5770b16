using System.Diagnostics;
using System.Globalization;
using Berth.Abstractions;

namespace Example;

/// <summary>Another process in a container: the runtime's exec in the foreground, so its exit status is the command's.</summary>
internal sealed class ExampleExec(Tools tools, CreateContainerRequest container, ExecRequest request) : IProcess
{
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _pidFile = Path.Combine(container.PrivateDirectory, $"exec-{request.ExecId}.pid");
    private readonly string _log = Path.Combine(container.PrivateDirectory, $"exec-{request.ExecId}.log");
    private int _started;

    public int Pid { get; private set; }

    public Task<ProcessExit> Exit => _exit.Task;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _started, 1) == 1)
        {
            return;
        }

        var process = Programs.Start(
            "/bin/sh",
            [
                "-c", "i=$1 o=$2 e=$3; shift 3; exec \"$@\" <\"$i\" >\"$o\" 2>\"$e\"", "sh", Place(request.Stdin), Place(request.Stdout), Place(request.Stderr),
                .. tools.RuntimeCommand(["--log", _log, "exec", "--process", request.ProcessPath, "--pid-file", _pidFile, container.ContainerId]),
            ]);
        var end = FollowAsync(process);
        // The runtime writes the file once the command runs.
        while (await Files.NumberAsync(_pidFile) is null && !end.IsCompleted)
        {
            await Task.WhenAny(end, Task.Delay(2, CancellationToken.None));
        }

        Pid = await Files.NumberAsync(_pidFile) ?? 0;
        if (Pid == 0)
        {
            await end;
            var reason = File.Exists(_log) ? (await File.ReadAllTextAsync(_log, cancellationToken)).Trim() : "the runtime says nothing";
            throw RuntimeException.FailedPrecondition($"exec in container {container.ContainerId} cannot start: {reason}");
        }
    }

    // Only what ends it for certain: the feature ExecSignals is not declared.
    public async Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        if (signal != 9)
        {
            throw RuntimeException.NotSupported($"signal {signal} to an exec");
        }

        if (Pid > 0 && !_exit.Task.IsCompleted)
        {
            await Programs.RunAsync("/bin/sh", ["-c", string.Create(CultureInfo.InvariantCulture, $"kill -9 {Pid}")], cancellationToken);
        }
    }

    private async Task FollowAsync(Process process)
    {
        using (process)
        {
            await process.WaitForExitAsync();
            _exit.SetResult(new() { Code = process.ExitCode, FinishedAt = TimeProvider.System.GetUtcNow() });
        }
    }

    // A descriptor of this process is opened anew by its path; the caller keeps its own until the start has returned.
    private static string Place(StdioEndpoint endpoint) =>
        endpoint.Descriptor is { } number ? string.Create(CultureInfo.InvariantCulture, $"/proc/{Environment.ProcessId}/fd/{number}") : endpoint.FifoPath ?? "/dev/null";
}
