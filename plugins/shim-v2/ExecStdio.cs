using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.ShimV2;

/// <summary>
/// The streams of one exec: a FIFO for each that the caller gave as a descriptor, and the copying between the two. A FIFO of the
/// caller's for output goes to the shim as it is; one for input is copied too, because a shim keeps an end of its own open, and
/// the command would never see the input's end.
/// </summary>
internal sealed class ExecStdio : IDisposable
{
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(10);
    // VEOF, control-D: what ends the input of a terminal, see termios(3). A shim that loses its end of the input hangs it up instead.
    private static readonly byte[] EndOfFile = [4];
    private readonly bool _terminal;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<SafeFd> _descriptors = [];
    private readonly List<string> _fifos = [];
    private readonly List<(SafeFd Fifo, SafeFd Target)> _outputs = [];
    private readonly List<Task> _copies = [];
    private (SafeFd Source, SafeFd Fifo)? _input;

    public ExecStdio(Berth.Abstractions.ExecRequest request, ContainerFiles files)
    {
        _terminal = request.Terminal;
        try
        {
            Stdin = OpenInput(request.Stdin, files.ExecFifo(request.ExecId, "in"));
            Stdout = OpenOutput(request.Stdout, files.ExecFifo(request.ExecId, "out"));
            Stderr = request.Terminal ? "" : OpenOutput(request.Stderr, files.ExecFifo(request.ExecId, "err"));
        }
        catch (LinuxException e)
        {
            Dispose();
            throw RuntimeException.Unavailable($"exec {request.ExecId}: its streams cannot be opened: {e.Message}", e);
        }
    }

    public string Stdin { get; }

    public string Stdout { get; }

    public string Stderr { get; }

    /// <summary>Begins to copy, once the command runs.</summary>
    /// <param name="closeStdin">Lets the shim's end of the input go.</param>
    public void Begin(Func<Task> closeStdin)
    {
        _copies.AddRange(_outputs.Select(o => StdioPump.CopyAsync(o.Fifo, o.Target, _stop.Token)));
        if (_input is { } input)
        {
            _ = CopyInputAsync(input.Source, input.Fifo, closeStdin);
        }
    }

    /// <summary>Waits until all output is with the caller. Call it when the shim has closed its ends.</summary>
    public async Task DrainAsync()
    {
        _stop.CancelAfter(DrainLimit);
        await Task.WhenAll(_copies).ConfigureAwait(false);
    }

    public void Dispose()
    {
        _stop.Cancel();
        _descriptors.ForEach(static d => d.Dispose());
        _fifos.ForEach(File.Delete);
    }

    private async Task CopyInputAsync(SafeFd source, SafeFd fifo, Func<Task> closeStdin)
    {
        await StdioPump.CopyAsync(source, fifo, _stop.Token, _terminal ? EndOfFile : default).ConfigureAwait(false);
        if (_terminal)
        {
            return;
        }

        fifo.Dispose();
        await closeStdin().ConfigureAwait(false);
    }

    private string OpenInput(StdioEndpoint endpoint, string fifo)
    {
        if (Open(endpoint, forWriting: false) is not { } source)
        {
            return "";
        }

        Make(fifo);
        // A reader of our own: the shim may open its end only a moment after it has answered.
        Keep(SafeFd.OpenFifo(fifo, forWriting: false));
        _input = (source, Keep(SafeFd.OpenFifo(fifo, forWriting: true)));
        return fifo;
    }

    private string OpenOutput(StdioEndpoint endpoint, string fifo)
    {
        if (endpoint.FifoPath is { } path)
        {
            return path;
        }

        if (Open(endpoint, forWriting: true) is not { } target)
        {
            return "";
        }

        Make(fifo);
        var source = Keep(SafeFd.OpenFifo(fifo, forWriting: false));
        source.SetNonBlocking();
        _outputs.Add((source, target));
        return fifo;
    }

    private SafeFd? Open(StdioEndpoint endpoint, bool forWriting) => Endpoints.Open(endpoint, forWriting) is { } opened ? Keep(opened) : null;

    private void Make(string fifo)
    {
        ContainerFiles.MakeFifo(fifo);
        _fifos.Add(fifo);
    }

    private SafeFd Keep(SafeFd fd)
    {
        _descriptors.Add(fd);
        return fd;
    }
}
