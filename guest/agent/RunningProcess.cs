using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>A process of a container, from the moment its streams exist until the host has its exit.</summary>
internal sealed class RunningProcess : IDisposable
{
    private readonly EventLoop _loop;
    private readonly Action _changed;
    private GuestExit? _exit;
    private long _endedAt;
    private int _terminal = -1;
    private long _stdin;
    private long _stdinTaken;
    private bool _exitSent;

    public RunningProcess(EventLoop loop, uint number, string containerId, string? execId, bool terminal, Action changed)
    {
        (_loop, Number, ContainerId, ExecId, Terminal, _changed) = (loop, number, containerId, execId, terminal, changed);
        Stdout = Stderr = new(loop, -1, changed);
    }

    public uint Number { get; }

    public string ContainerId { get; }

    public string? ExecId { get; }

    public bool Terminal { get; }

    public int Pid { get; set; }

    /// <summary>The session that it was started in, and that its children are in unless they made one of their own.</summary>
    public int Session { get; set; }

    /// <summary>The host has been told the number; before, it could make nothing of frames that carry it.</summary>
    public bool Announced { get; set; }

    /// <summary>The exec under way or done, so that a repeated one joins it.</summary>
    public Task Launching { get; set; } = Task.CompletedTask;

    public OutputStream Stdout { get; private set; }

    public OutputStream Stderr { get; private set; }

    public InputStream? Stdin { get; private set; }

    public bool Ended => _exit is not null;

    /// <summary>The host has the exit.</summary>
    public bool Acknowledged { get; set; }

    /// <summary>Told that bytes of standard input were taken, up to the offset.</summary>
    public Action<RunningProcess, long> InputTaken { get; set; } = static (_, _) => { };

    /// <summary>Connects the streams; the descriptors are owned from here on, negative ones do not exist.</summary>
    public void Attach(int stdin, int stdout, int stderr)
    {
        Stdout.Dispose();
        Stdout = new(_loop, stdout, _changed);
        Stderr = new(_loop, stderr, _changed);
        Stdin = new(_loop, stdin, Took, static fd => Descriptors.Close(fd));
    }

    /// <summary>Connects a terminal, both ways.</summary>
    public void AttachTerminal(int master)
    {
        _terminal = Descriptors.Duplicate(master);
        Attach(Descriptors.Duplicate(master), master, -1);
    }

    /// <summary>Sets the terminal's size.</summary>
    public unsafe void Resize(int width, int height)
    {
        if (_terminal < 0)
        {
            throw AgentException.Invalid($"process {Number} has no terminal");
        }

        var size = stackalloc ushort[4] { (ushort)height, (ushort)width, 0, 0 };
        AgentException.Check(Libc.ioctl(_terminal, Libc.TIOCSWINSZ, (byte*)size), "ioctl TIOCSWINSZ", "");
    }

    /// <summary>Takes standard input; what is known already is dropped.</summary>
    public bool Input(long offset, ReadOnlyMemory<byte> bytes)
    {
        if (offset > _stdin || Stdin is null)
        {
            return false;
        }

        var fresh = bytes[(int)Math.Min(_stdin - offset, bytes.Length)..];
        _stdin += fresh.Length;
        return Stdin.Add(fresh);
    }

    /// <summary>It has ended; output may still be on its way.</summary>
    public void End(int code, bool outOfMemory)
    {
        _exit = new() { Code = code, OutOfMemory = outOfMemory, AgeMilliseconds = 0 };
        _endedAt = Environment.TickCount64;
        Stdin?.Dispose();
        _changed();
    }

    /// <summary>Ends the streams though others hold them open.</summary>
    public bool FinishOutput() => Stdout.Finish() & Stderr.Finish();

    /// <summary>The exit, once, if it is due in this connection.</summary>
    public GuestExit? TakeExit()
    {
        if (_exit is null || _exitSent || Acknowledged || !Stdout.Done || !Stderr.Done)
        {
            return null;
        }

        _exitSent = true;
        return DescribeExit();
    }

    /// <summary>The connection is a new one.</summary>
    public void Rewind()
    {
        Stdout.Rewind();
        Stderr.Rewind();
        _exitSent = false;
    }

    public GuestProcess Describe() => new()
    {
        Number = Number,
        ExecId = ExecId,
        Pid = Pid,
        Terminal = Terminal,
        Stdout = Stdout.Acknowledged,
        Stderr = Stderr.Acknowledged,
        Stdin = _stdin,
        Ended = Ended,
        Exit = DescribeExit(),
    };

    private GuestExit? DescribeExit() =>
        _exit is null ? null : _exit with { AgeMilliseconds = Environment.TickCount64 - _endedAt, Stdout = Stdout.End, Stderr = Stderr.End };

    public void Dispose()
    {
        Stdin?.Dispose();
        Stdout.Dispose();
        if (!ReferenceEquals(Stdout, Stderr))
        {
            Stderr.Dispose();
        }

        Descriptors.Close(_terminal);
        _terminal = -1;
    }

    private void Took(int bytes)
    {
        _stdinTaken += bytes;
        InputTaken(this, _stdinTaken);
    }
}
