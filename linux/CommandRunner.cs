using System.Text;

namespace Berth.Linux;

/// <summary>What a command that ran to its end left.</summary>
/// <param name="ExitCode">The exit status, or 128 + signal.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Error">The last 4 KiB of standard error.</param>
public sealed record CommandResult(int ExitCode, byte[] Output, string Error)
{
    /// <summary>Standard output as text.</summary>
    public string OutputText => Encoding.UTF8.GetString(Output);
}

/// <summary>Runs short commands to their end: bounded output, nothing left running.</summary>
public static class CommandRunner
{
    private const int ErrorTailBytes = 4096;
    private const int SigKill = 9;

    // A grandchild may hold a pipe open after the command has ended.
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(2);

    /// <summary>Runs the command in a process group of its own; on cancellation or excess output the group is killed.</summary>
    /// <param name="command">Its descriptors 0, 1 and 2 are set here.</param>
    /// <param name="input">Standard input; null is /dev/null.</param>
    /// <param name="maxOutputBytes">More output than this is an error.</param>
    /// <param name="cancellationToken">Kills the command.</param>
    /// <exception cref="LinuxException">It cannot be started.</exception>
    /// <exception cref="InvalidDataException">It wrote more than allowed.</exception>
    public static async Task<CommandResult> RunAsync(Command command, byte[]? input, int maxOutputBytes, CancellationToken cancellationToken)
    {
        using var output = new PipeCapture(maxOutputBytes, keepTail: false);
        using var error = new PipeCapture(ErrorTailBytes, keepTail: true);
        var (inRead, inWrite) = input is null ? default : SafeFd.Pipe();
        using var inputWriter = inWrite;
        using var child = Start(command, inRead, output, error);
        using var kill = cancellationToken.Register(() => child.SignalGroup(SigKill));
        using var drain = new CancellationTokenSource();

        var reading = Task.WhenAll(output.ReadAsync(() => child.SignalGroup(SigKill), drain.Token), error.ReadAsync(null, drain.Token));
        var writing = input is null ? Task.CompletedTask : Task.Run(() => WriteAndClose(inputWriter!, input), CancellationToken.None);
        var exitCode = await child.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        drain.CancelAfter(DrainTime);
        await reading.ConfigureAwait(false);
        await writing.ConfigureAwait(false);

        cancellationToken.ThrowIfCancellationRequested();
        return output.Overflowed
            ? throw new InvalidDataException($"{command.Path} wrote more than {maxOutputBytes} bytes")
            : new(exitCode, output.ToArray(), Encoding.UTF8.GetString(error.ToArray()).Trim());
    }

    private static ChildProcess Start(Command command, SafeFd? input, PipeCapture output, PipeCapture error)
    {
        var descriptors = new Dictionary<int, SafeFd> { [1] = output.WriteEnd, [2] = error.WriteEnd };
        if (input is not null)
        {
            descriptors[0] = input;
        }

        try
        {
            return ChildProcess.Start(command with { Descriptors = descriptors, NewProcessGroup = true });
        }
        finally
        {
            output.WriteEnd.Dispose();
            error.WriteEnd.Dispose();
            input?.Dispose();
        }
    }

    private static void WriteAndClose(SafeFd writer, byte[] input)
    {
        try
        {
            writer.Write(input);
        }
        catch (LinuxException e) when (e.Is(32))
        {
            // EPIPE: the command did not want all of it; its exit status tells the rest.
        }
        finally
        {
            writer.Dispose();
        }
    }
}
