using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Shared;

/// <summary>
/// The terminal of an exec, between its runtime and the caller's descriptors. Each runtime takes its own standard streams for
/// the user's terminal when it stays in the foreground, so it gets a slave of ours as them:
/// <code>
///   runc, crun:  descriptors ◄─► our pty ◄─► runtime ◄─► the container's pty ◄─► command
///   runsc:       descriptors ◄─► our pty ◄─► command (the sandbox has our slave itself)
/// </code>
/// A console socket would save a copy, but runc takes one only with <c>--detach</c>, and then the exit status is lost.
/// </summary>
internal sealed class TerminalBridge : IDisposable
{
    // VEOF, control-D: what ends the input of a terminal, see termios(3).
    private static readonly byte[] EndOfFile = [4];

    // In runsc a child of the command may keep the slave open.
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(2);

    private readonly PseudoTerminal _terminal;
    private readonly SafeFd _typing;
    private readonly SafeFd? _input;
    private readonly SafeFd? _output;
    private readonly CancellationTokenSource _ended = new();
    private readonly CancellationTokenSource _drained = new();
    private Task _copying = Task.CompletedTask;

    private TerminalBridge(PseudoTerminal terminal, SafeFd? input, SafeFd? output)
    {
        (_terminal, _input, _output) = (terminal, input, output);
        // A descriptor waits for one thing at a time.
        _typing = SafeFd.Duplicate(terminal.Master.Number);
    }

    /// <summary>What the runtime gets as its standard streams.</summary>
    public SafeFd Slave => _terminal.Slave;

    public static TerminalBridge Open(ExecRequest request, bool runtimeCopies)
    {
        var input = Endpoints.Open(request.Stdin, forWriting: false);
        var output = Endpoints.Open(request.Stdout, forWriting: true);
        input?.SetNonBlocking();
        output?.SetNonBlocking();
        var terminal = PseudoTerminal.Open();
        if (runtimeCopies)
        {
            terminal.PassThrough();
        }

        return new(terminal, input, output);
    }

    public void Resize(int columns, int rows) => _terminal.Resize(columns, rows);

    /// <summary>To be called once the runtime has the slave.</summary>
    public void Begin()
    {
        _terminal.Slave.Dispose();
        _copying = Task.WhenAll(ShowAsync(), TypeAsync());
    }

    /// <summary>The runtime has ended: passes on what is left, and lets go of all descriptors.</summary>
    public async Task EndAsync()
    {
        await _ended.CancelAsync().ConfigureAwait(false);
        _drained.CancelAfter(DrainTime);
        await _copying.ConfigureAwait(false);
        Dispose();
    }

    public void Dispose()
    {
        _input?.Dispose();
        _output?.Dispose();
        _typing.Dispose();
        _terminal.Dispose();
        _ended.Dispose();
        _drained.Dispose();
    }

    private async Task ShowAsync()
    {
        var buffer = new byte[16 * 1024];
        var heard = _output is not null;
        try
        {
            while (await _terminal.Master.ReadAsync(buffer, _drained.Token).ConfigureAwait(false) is var count and > 0)
            {
                // Whom nobody hears may go on all the same.
                heard = heard && await TryWriteAsync(_output!, buffer.AsMemory(0, count), CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Whoever still holds the terminal has had its time.
        }
    }

    private async Task TypeAsync()
    {
        var buffer = new byte[4096];
        try
        {
            while (_input is not null)
            {
                var count = await _input.ReadAsync(buffer, _ended.Token).ConfigureAwait(false);
                var typed = count > 0 ? buffer.AsMemory(0, count) : EndOfFile;
                if (!await TryWriteAsync(_typing, typed, _ended.Token).ConfigureAwait(false) || count == 0)
                {
                    return;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Nobody is left to read it.
        }
    }

    private static async Task<bool> TryWriteAsync(SafeFd target, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        try
        {
            await target.WriteAsync(bytes, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (LinuxException e) when (e.IsBrokenPipe)
        {
            return false;
        }
    }
}
