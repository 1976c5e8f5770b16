using System.Globalization;
using Berth.Abstractions;
using Berth.Containers.Spec;
using Berth.Linux;
using Berth.Metrics;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>What a command in a container left.</summary>
public sealed record ExecResult(int ExitCode, byte[] Stdout, byte[] Stderr);

/// <summary>A command in a running container, without a monitor. ExecSync's output is bounded, and what is more is dropped.</summary>
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
        using var stdout = new PipeCapture(MaxOutputBytes, keepTail: false);
        using var stderr = new PipeCapture(MaxOutputBytes, keepTail: false);
        var streams = new ExecStreams { Stdout = new(stdout.WriteEnd.Number, null), Stderr = new(stderr.WriteEnd.Number, null) };
        using var exec = await PrepareAsync(id, command, streams, cancellationToken);
        using var stage = BerthTraces.Stage("run");
        var process = exec.Process;
        await exec.StartAsync();
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
                ? new RuntimeException(RuntimeErrorCode.DeadlineExceeded, $"exec in container {id}: the command did not end within {timeout.TotalSeconds} s and was killed")
                : e;
        }
    }

    /// <summary>Prepares a command; its start is the caller's.</summary>
    /// <exception cref="RuntimeException">The container does not run, or the command is empty.</exception>
    public async Task<PreparedExec> PrepareAsync(string id, IReadOnlyList<string> command, ExecStreams streams, CancellationToken cancellationToken)
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

        using var stage = BerthTraces.Stage("prepare");
        using var live = objects.UseContainer(container.SandboxId, container.Id);
        var file = WriteProcess(container.Id, command, streams.Terminal);
        try
        {
            var request = new ExecRequest
            {
                ExecId = Path.GetFileNameWithoutExtension(file),
                ProcessPath = file,
                Stdin = streams.Stdin,
                Stdout = streams.Stdout,
                Stderr = streams.Stderr,
                Terminal = streams.Terminal,
            };
            return new(await live.Object.ExecAsync(request, cancellationToken), file);
        }
        catch
        {
            File.Delete(file);
            throw;
        }
    }

    // The container's own process, with another command.
    private string WriteProcess(string id, IReadOnlyList<string> command, bool terminal)
    {
        var process = ExecProcess.Create(OciJson.ReadSpec(File.ReadAllBytes(paths.Config(id))).Process, command, terminal);
        var name = Interlocked.Increment(ref _lastExec).ToString(CultureInfo.InvariantCulture);
        var file = Path.Combine(paths.Execs(id), $"{Environment.ProcessId}-{name}.json");
        File.WriteAllBytes(file, OciJson.Write(process));
        return file;
    }
}

/// <summary>The standard streams of an exec.</summary>
public sealed record ExecStreams
{
    public StdioEndpoint Stdin { get; init; }

    public StdioEndpoint Stdout { get; init; }

    public StdioEndpoint Stderr { get; init; }

    public bool Terminal { get; init; }
}

/// <summary>An exec that can be started. To be disposed of after its end: it owns the file that the runtime reads.</summary>
public sealed record PreparedExec(IProcess Process, string ProcessFile) : IDisposable
{
    /// <summary>
    /// Starts it. A runtime that was told to run a command cannot take that back, so nobody gives up half-way: who has gone
    /// meanwhile kills the command once it is known. The guard's deadline is the bound.
    /// </summary>
    public Task StartAsync() => Process.StartAsync(CancellationToken.None);

    /// <inheritdoc/>
    public void Dispose() => File.Delete(ProcessFile);
}
