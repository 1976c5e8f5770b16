using System.Globalization;
using Berth.Abstractions;
using Berth.Containers.Spec;
using Berth.Linux;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>What a command in a container left.</summary>
public sealed record ExecResult(int ExitCode, byte[] Stdout, byte[] Stderr);

/// <summary>ExecSync: a command in a running container, without a monitor; output is bounded and what is more is dropped.</summary>
public sealed class ContainerExec(ContainerRegistry registry, SandboxObjects objects, ContainerPaths paths, TimeProvider time)
{
    private const int SigKill = 9;

    // The cap of CRI-O after CVE-2022-1708.
    private const int MaxOutputBytes = 16 * 1024 * 1024;

    // A child of the command may hold the pipes open after it; CVE-2026-53495.
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(2);

    private long _lastExec;

    /// <param name="id">A container that runs.</param>
    /// <param name="command">The command and its arguments.</param>
    /// <param name="timeout">Then the command is killed; zero is none.</param>
    /// <param name="cancellationToken">Kills the command.</param>
    /// <exception cref="RuntimeException">DeadlineExceeded at the time-out: kubelets read it as a failed probe.</exception>
    public async Task<ExecResult> ExecSyncAsync(string id, IReadOnlyList<string> command, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var container = registry.Find(id) ?? throw RuntimeException.NotFound($"container {id} does not exist");
        if (command.Count == 0)
        {
            throw RuntimeException.InvalidArgument($"exec in container {container.Id}: the command is empty");
        }

        if (container.Phase != ContainerPhase.Running)
        {
            throw RuntimeException.FailedPrecondition($"exec in container {container.Id}: it is {container.Phase}, not running");
        }

        var live = objects.Require(container.SandboxId).FindContainer(container.Id)
            ?? throw RuntimeException.Unavailable($"container {container.Id}: its handler does not have it");
        var processFile = WriteProcess(container.Id, command);
        try
        {
            return await RunAsync(live, processFile, timeout, cancellationToken);
        }
        finally
        {
            File.Delete(processFile);
        }
    }

    private async Task<ExecResult> RunAsync(IContainer live, string processFile, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var stdout = new PipeCapture(MaxOutputBytes, keepTail: false);
        using var stderr = new PipeCapture(MaxOutputBytes, keepTail: false);
        var process = await live.ExecAsync(
            new ExecRequest
            {
                ExecId = Path.GetFileNameWithoutExtension(processFile),
                ProcessPath = processFile,
                Stdout = new StdioEndpoint(stdout.WriteEnd.Number, null),
                Stderr = new StdioEndpoint(stderr.WriteEnd.Number, null),
            },
            cancellationToken);
        await process.StartAsync(cancellationToken);
        stdout.WriteEnd.Dispose();
        stderr.WriteEnd.Dispose();

        using var drain = new CancellationTokenSource();
        var reading = Task.WhenAll(stdout.ReadAsync(null, drain.Token), stderr.ReadAsync(null, drain.Token));
        try
        {
            var exit = await process.Exit.WaitAsync(timeout > TimeSpan.Zero ? timeout : Timeout.InfiniteTimeSpan, time, cancellationToken);
            drain.CancelAfter(DrainTime);
            await reading;
            return new(exit.Code, stdout.ToArray(), stderr.ToArray());
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            await process.SignalAsync(SigKill, SignalScope.All, CancellationToken.None);
            await drain.CancelAsync();
            await reading;
            throw e is TimeoutException
                ? new RuntimeException(RuntimeErrorCode.DeadlineExceeded, $"exec in container {live.Id}: the command did not end within {timeout.TotalSeconds} s and was killed")
                : e;
        }
    }

    // The container's own process, with another command and no terminal.
    private string WriteProcess(string id, IReadOnlyList<string> command)
    {
        var process = ExecProcess.Create(OciJson.ReadSpec(File.ReadAllBytes(paths.Config(id))).Process, command, terminal: false);
        var name = Interlocked.Increment(ref _lastExec).ToString(CultureInfo.InvariantCulture);
        var file = Path.Combine(paths.Execs(id), $"{Environment.ProcessId}-{name}.json");
        File.WriteAllBytes(file, OciJson.Write(process));
        return file;
    }
}
