namespace Berth.Abstractions;

/// <summary>A process in a container: its init, or an exec.</summary>
public interface IProcess
{
    /// <summary>The process id on the host, where it has one and is known; 0 otherwise.</summary>
    int Pid { get; }

    /// <summary>
    /// Completes exactly once, when the process has ended, whoever ended it, also if the gateway was away meanwhile.
    /// It never faults.
    /// </summary>
    Task<ProcessExit> Exit { get; }

    /// <summary>Runs the command. A second call does nothing.</summary>
    /// <exception cref="RuntimeException">
    /// <see cref="RuntimeErrorCode.FailedPrecondition"/>: the command cannot run (not found, no permission); the message says why.
    /// </exception>
    Task StartAsync(CancellationToken cancellationToken);

    /// <summary>Sends a signal. Success if the process is gone.</summary>
    /// <param name="signal">The number that signal(7) gives on this architecture, 1 to 64.</param>
    /// <param name="scope">The process alone, or all of its container (exec: of its session).</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken);

    /// <summary>
    /// Sets the size of the terminal, 1 to 1000 cells each way. A size that is set before the start is kept, and in force right
    /// after the command has begun, where the runtime cannot take it earlier.
    /// </summary>
    Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken) => throw RuntimeException.NotSupported("Resize");

    /// <summary>Closes the process's standard input. Success if it is closed.</summary>
    Task CloseStdinAsync(CancellationToken cancellationToken) => throw RuntimeException.NotSupported("CloseStdin");
}

/// <summary>Whom a signal is for.</summary>
public enum SignalScope
{
    /// <summary>The process alone.</summary>
    Process,

    /// <summary>Every process of the container.</summary>
    All,
}
