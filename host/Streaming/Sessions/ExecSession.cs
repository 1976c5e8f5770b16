using Berth.Abstractions;
using Berth.Containers;

namespace Berth.Streaming.Sessions;

/// <summary>
/// A command in a container, from its start to its status:
/// <code>
///   client ─stdin─► pipe ─► command ─► pipes ─stdout, stderr─► client
///   client gone: the command is killed with its session
///   command ended: what its pipes still hold, the ends of the streams, the status
/// </code>
/// </summary>
internal sealed class ExecSession(ContainerExec execs, TimeProvider time)
{
    private const int SigKill = 9;

    // A child of the command may hold the pipes open after it.
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(2);

    // A process that the kernel holds does not die; its files are then the container's to remove.
    private static readonly TimeSpan KillTime = TimeSpan.FromSeconds(10);

    /// <summary>Runs it to its end.</summary>
    /// <exception cref="OperationCanceledException">The client is gone; the command was killed.</exception>
    public async Task<SessionStatus> RunAsync(ExecTicket ticket, IConsole console, CancellationToken cancellationToken)
    {
        using var pipes = new ConsolePipes(ticket.Io);
        using var exec = await execs.PrepareAsync(
            ticket.ContainerId,
            ticket.Command,
            new() { Stdin = pipes.TheirStdin, Stdout = pipes.TheirStdout, Stderr = pipes.TheirStderr, Terminal = ticket.Io.Terminal },
            cancellationToken);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        // A size that is there already is the terminal's from the first moment.
        var resizing = console.Sizes is { } sizes ? ConsoleCopy.ResizeAsync(sizes, exec.Process, ended.Token) : Task.CompletedTask;
        try
        {
            await exec.StartAsync();
            pipes.ReleaseTheirs();
            var typing = console.Stdin is { } stdin ? ConsoleCopy.TypeAsync(stdin, pipes.Stdin!, ended.Token) : Task.CompletedTask;
            var code = await FollowAsync(exec.Process, pipes, console, cancellationToken);
            await ended.CancelAsync();
            await typing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return SessionStatus.Exited(code);
        }
        finally
        {
            await ended.CancelAsync();
            await resizing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<int> FollowAsync(IProcess process, ConsolePipes pipes, IConsole console, CancellationToken cancellationToken)
    {
        using var drained = new CancellationTokenSource();
        var showing = Task.WhenAll(
            pipes.Stdout is { } stdout ? ShowAsync(stdout, console.Stdout) : Task.CompletedTask,
            pipes.Stderr is { } stderr ? ShowAsync(stderr, console.Stderr) : Task.CompletedTask);
        try
        {
            var exit = await process.Exit.WaitAsync(cancellationToken);
            drained.CancelAfter(DrainTime);
            await showing;
            return exit.Code;
        }
        catch (OperationCanceledException)
        {
            await process.SignalAsync(SigKill, SignalScope.All, CancellationToken.None);
            await drained.CancelAsync();
            await showing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await process.Exit.WaitAsync(KillTime, time, CancellationToken.None);
            throw;
        }

        Task ShowAsync(Linux.SafeFd from, IOutbound? to) => ConsoleCopy.ShowAsync(from, to!, drained.Token, cancellationToken);
    }
}
