using System.Globalization;

namespace Berth.Guest.Agent;

/// <summary>The ends of a process's streams while the runtime starts it. What is not attached is closed.</summary>
internal sealed class ProcessStdio : IDisposable
{
    private readonly RunningProcess _process;
    private readonly (int Read, int Write) _stdin = (-1, -1), _stdout = (-1, -1), _stderr = (-1, -1);
    private readonly int _listener = -1;
    private bool _attached;

    public ProcessStdio(RunningProcess process, bool stdin)
    {
        _process = process;
        if (process.Terminal)
        {
            ConsoleSocket = string.Create(CultureInfo.InvariantCulture, $"/run/berth/console-{process.Number}");
            _listener = Descriptors.Listen(ConsoleSocket);
            return;
        }

        _stdin = stdin ? Descriptors.Pipe() : _stdin;
        _stdout = Descriptors.Pipe();
        _stderr = Descriptors.Pipe();
        // Read from the start: the runtime may print more than a pipe holds.
        process.Attach(_stdin.Write, _stdout.Read, _stderr.Read);
        _attached = true;
    }

    /// <summary>For the runtime to hand over the terminal.</summary>
    public string? ConsoleSocket { get; }

    /// <summary>For the runtime.</summary>
    public (int In, int Out, int Error) Standard => (_stdin.Read, _stdout.Write, _stderr.Write);

    /// <summary>The runtime is done: takes the terminal.</summary>
    public void Attach()
    {
        if (_attached)
        {
            return;
        }

        var master = Descriptors.Receive(_listener);
        _process.AttachTerminal(master >= 0 ? master : throw AgentException.Invalid("crun handed over no terminal"));
        _attached = true;
    }

    public void Dispose()
    {
        Descriptors.Close(_stdin.Read);
        Descriptors.Close(_stdout.Write);
        Descriptors.Close(_stderr.Write);
        Descriptors.Close(_listener);
        if (ConsoleSocket is { } path)
        {
            File.Delete(path);
        }
    }
}
