using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>All processes by number, and what they have to tell the host.</summary>
internal sealed class ProcessTable(EventLoop loop)
{
    private readonly Dictionary<uint, RunningProcess> _processes = [];
    private uint _last;
    private uint _turn;

    /// <summary>Where frames go, once there is somewhere.</summary>
    public HostLink? Link { get; set; }

    /// <summary>The host has said hello.</summary>
    public bool Connected { get; set; }

    public RunningProcess? Find(uint number) => _processes.GetValueOrDefault(number);

    public bool Knows(RunningProcess process) => _processes.ContainsKey(process.Number);

    public RunningProcess Add(string containerId, string? execId, bool terminal)
    {
        var process = new RunningProcess(loop, ++_last, containerId, execId, terminal, Pump)
        {
            InputTaken = (p, offset) => Send(FrameKind.InputAck, p.Number, OffsetPayload.Input(offset)),
        };
        _processes[process.Number] = process;
        return process;
    }

    public void Remove(RunningProcess process)
    {
        _processes.Remove(process.Number);
        process.Dispose();
    }

    /// <summary>The connection is a new one.</summary>
    public void Rewind()
    {
        foreach (var process in _processes.Values)
        {
            process.Rewind();
        }
    }

    /// <summary>Sends output and exits while there is room, one piece of each process in turn.</summary>
    public void Pump()
    {
        if (!Connected || Link is not { } link)
        {
            return;
        }

        for (var idle = 0; link.HasRoom && idle < _processes.Count; idle++)
        {
            // Numbers are never used twice, so the next one is the next in age.
            var next = _processes.Keys.Where(n => n > _turn).DefaultIfEmpty(_processes.Keys.Min()).Min();
            _turn = next;
            if (SendSome(_processes[next]))
            {
                idle = -1;
            }
        }
    }

    private bool SendSome(RunningProcess process) =>
        process.Announced && (SendPiece(process, 1, process.Stdout) | SendPiece(process, 2, process.Stderr) | SendExit(process));

    private bool SendPiece(RunningProcess process, int number, OutputStream stream)
    {
        var offset = stream.Sent;
        var piece = stream.Next();
        if (piece.Length > 0)
        {
            Send(FrameKind.Output, process.Number, OffsetPayload.Output(number, offset, piece));
        }

        return piece.Length > 0;
    }

    private bool SendExit(RunningProcess process)
    {
        if (process.TakeExit() is not { } exit)
        {
            return false;
        }

        Send(FrameKind.Exit, process.Number, ProtocolJson.Write(exit, ProtocolJson.Default.GuestExit));
        return true;
    }

    private void Send(FrameKind kind, uint id, byte[] payload)
    {
        if (Connected)
        {
            Link?.Send(new(kind, id, payload));
        }
    }
}
