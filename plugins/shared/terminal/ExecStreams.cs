using System.Text.Json.Nodes;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Shared;

/// <summary>
/// The standard streams of an exec whose runtime stays in the foreground: the caller's own descriptors, or a terminal that is
/// bridged to them. A size that comes before the start is kept for it.
/// </summary>
internal sealed class ExecStreams(string containerId, ExecRequest request, bool runtimeCopies)
{
    private const int SigWinch = 28;
    private readonly Lock _lock = new();
    private TerminalBridge? _terminal;
    private ChildProcess? _runtime;
    private PidFd? _command;
    private (int Columns, int Rows)? _size;

    /// <summary>What the runtime gets as its streams; the caller closes them once it has started.</summary>
    public void Open(Dictionary<int, SafeFd> descriptors)
    {
        if (!request.Terminal)
        {
            Add(descriptors, 0, request.Stdin);
            Add(descriptors, 1, request.Stdout);
            Add(descriptors, 2, request.Stderr);
            return;
        }

        lock (_lock)
        {
            _terminal = TerminalBridge.Open(request, runtimeCopies);
            ApplySize();
        }

        for (var stream = 0; stream <= 2; stream++)
        {
            descriptors[stream] = SafeFd.Duplicate(_terminal.Slave.Number);
        }
    }

    /// <summary>The runtime has them.</summary>
    public void Begin(ChildProcess runtime)
    {
        lock (_lock)
        {
            _runtime = runtime;
            _terminal?.Begin();
        }
    }

    /// <summary>The command runs. Null if the host does not see its processes.</summary>
    public void Begun(PidFd? command)
    {
        lock (_lock)
        {
            _command = command;
            // One that came while the runtime was not listening yet.
            ApplySize();
        }
    }

    public void Resize(int columns, int rows)
    {
        if (!request.Terminal || columns is < 1 or > 1000 || rows is < 1 or > 1000)
        {
            throw RuntimeException.InvalidArgument(
                $"exec {request.ExecId} in container {containerId}: cannot resize to {columns}x{rows}: it needs a terminal, and 1 to 1000 cells each way");
        }

        lock (_lock)
        {
            _size = (columns, rows);
            ApplySize();
        }
    }

    /// <summary>
    /// Writes the request's process with the terminal's size, because a runtime sets a later one only after the command has begun;
    /// false, and nothing is written, where no size is known.
    /// </summary>
    public bool TryWriteSizedProcess(string path)
    {
        if (!request.Terminal || _size is not { } size)
        {
            return false;
        }

        var process = JsonNode.Parse(File.ReadAllBytes(request.ProcessPath))!.AsObject();
        process["consoleSize"] = new JsonObject { ["width"] = size.Columns, ["height"] = size.Rows };
        File.WriteAllText(path, process.ToJsonString());
        return true;
    }

    /// <summary>Lets go of what <see cref="Open"/> took, for an exec that could not start.</summary>
    public void Abandon()
    {
        lock (_lock)
        {
            _terminal?.Dispose();
            _terminal = null;
        }
    }

    /// <summary>The runtime has ended: passes on what is left of the output.</summary>
    public async Task EndAsync()
    {
        TerminalBridge? terminal;
        lock (_lock)
        {
            (terminal, _terminal) = (_terminal, null);
            (_runtime, _command) = (null, null);
        }

        if (terminal is not null)
        {
            await terminal.EndAsync().ConfigureAwait(false);
        }
    }

    // The runtime is in no session of the terminal, so the kernel does not tell it; runc then sets the size of the container's
    // terminal, and crun does not, so that one is set through the command's own input.
    private void ApplySize()
    {
        if (_size is not { } size || _terminal is not { } terminal)
        {
            return;
        }

        terminal.Resize(size.Columns, size.Rows);
        _runtime?.Signal(SigWinch);
        using var inner = _command?.TryGetDescriptor(0);
        if (inner is not null)
        {
            _ = PseudoTerminal.TryResize(inner, size.Columns, size.Rows);
        }
    }

    private static void Add(Dictionary<int, SafeFd> descriptors, int target, StdioEndpoint endpoint)
    {
        if (Endpoints.Open(endpoint, forWriting: target != 0) is { } descriptor)
        {
            descriptors[target] = descriptor;
        }
    }
}
