using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Guest.Protocol;

namespace Berth.Plugins.Vm;

/// <summary>Processes of the guest that somebody follows, by name and, within a connection, by number.</summary>
internal sealed class GuestProcesses(IPluginLog log, TimeProvider clock) : IDisposable
{
    private readonly ConcurrentDictionary<(string Container, string? Exec), GuestProcessLink> _followed = new();
    private readonly ConcurrentDictionary<uint, GuestProcessLink> _numbered = new();

    /// <summary>Follows a process of an earlier connection.</summary>
    public void Follow(string containerId, string? execId, IProcessEvents events) => _followed[(containerId, execId)] = new(events, log, clock);

    /// <summary>Follows a process that was just made.</summary>
    public void Add(string containerId, string? execId, GuestProcess? process, IProcessEvents events)
    {
        var link = new GuestProcessLink(events, log, clock) { Number = process?.Number ?? throw new InvalidDataException("a created process has no number") };
        link.Stdin.Restart(process.Stdin);
        _followed[(containerId, execId)] = link;
        _numbered[link.Number] = link;
    }

    public void Forget(string containerId, string? execId)
    {
        if (_followed.TryRemove((containerId, execId), out var process))
        {
            _numbered.TryRemove(process.Number, out _);
            process.Dispose();
        }
    }

    /// <summary>Goes on with all that the agent has, and tells the end of what it does not know.</summary>
    public void Resume(AgentWire wire, IReadOnlyList<GuestContainer> containers)
    {
        _numbered.Clear();
        foreach (var container in containers)
        {
            foreach (var process in container.Execs.Append(container.Init).OfType<GuestProcess>())
            {
                Resume(wire, container.Id, process);
            }
        }

        var known = containers.Where(static c => c.Init is not null).Select(static c => c.Id).ToHashSet();
        foreach (var (name, process) in _followed.Where(f => !known.Contains(f.Key.Container)))
        {
            process.Events.OnLost(new() { Code = 255, FinishedAt = clock.GetUtcNow(), LostReason = $"the guest knows no container {name.Container}" });
        }
    }

    public void OnFrame(AgentWire wire, Frame frame)
    {
        if (!_numbered.TryGetValue(frame.Id, out var process))
        {
            return;
        }

        switch (frame.Kind)
        {
            case FrameKind.Output when OffsetPayload.ReadOutput(frame.Payload.Span) is var (stream, offset):
                _ = OnOutputAsync(wire, process, stream, offset, frame.Payload[OffsetPayload.OutputHeader..]);
                break;
            case FrameKind.Exit:
                _ = OnExitAsync(wire, process, ProtocolJson.Read(frame.Payload.Span, ProtocolJson.Default.GuestExit));
                break;
            case FrameKind.InputAck when OffsetPayload.ReadInput(frame.Payload.Span) is { } taken:
                process.Stdin.Taken(taken);
                break;
            default:
                break;
        }
    }

    public async Task SendStdinAsync(AgentWire wire, string containerId, string? execId, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        if (_followed.TryGetValue((containerId, execId), out var process))
        {
            await process.Stdin.SendAsync(
                bytes, (offset, piece) => wire.Send(FrameKind.Input, process.Number, OffsetPayload.Input(offset, piece.Span)), cancellationToken).ConfigureAwait(false);
        }
    }

    public void CloseStdin(AgentWire wire, string containerId, string? execId)
    {
        if (_followed.TryGetValue((containerId, execId), out var process))
        {
            wire.Send(FrameKind.InputEnd, process.Number);
        }
    }

    /// <summary>Tries nothing again any more.</summary>
    public void Dispose()
    {
        foreach (var process in _followed.Values.Concat(_numbered.Values))
        {
            process.Dispose();
        }
    }

    // An exec of an earlier gateway has nobody who reads: its output is dropped, so that it ends.
    private void Resume(AgentWire wire, string containerId, GuestProcess process)
    {
        if (!_followed.TryGetValue((containerId, process.ExecId), out var link))
        {
            if (process.ExecId is null)
            {
                return;
            }

            link = new(new NobodysProcess(), log, clock);
        }

        link.Number = process.Number;
        link.BeginOutput();
        link.Stdin.Restart(process.Stdin);
        _numbered[process.Number] = link;
        var (stdout, stderr) = link.Events.Offsets;
        wire.Send(FrameKind.OutputAck, process.Number, OffsetPayload.Output(1, Math.Max(stdout, process.Stdout)));
        wire.Send(FrameKind.OutputAck, process.Number, OffsetPayload.Output(2, Math.Max(stderr, process.Stderr)));
    }

    // Not acknowledged, it stays with the agent, whose container waits when it can keep no more.
    private static async Task OnOutputAsync(AgentWire wire, GuestProcessLink process, int stream, long offset, ReadOnlyMemory<byte> bytes)
    {
        if (await process.OutputAsync(stream == 2, offset, bytes).ConfigureAwait(false))
        {
            wire.Send(FrameKind.OutputAck, process.Number, OffsetPayload.Output(stream, offset + bytes.Length));
        }
    }

    private async Task OnExitAsync(AgentWire wire, GuestProcessLink process, GuestExit exit)
    {
        var number = process.Number;
        await process.Events.OnExitAsync(new()
        {
            Code = exit.Code & 0xFF,
            FinishedAt = clock.GetUtcNow() - TimeSpan.FromMilliseconds(Math.Clamp(exit.AgeMilliseconds, 0, int.MaxValue)),
            OutOfMemory = exit.OutOfMemory,
        }).ConfigureAwait(false);
        wire.Send(FrameKind.ExitAck, number);
    }

    private sealed class NobodysProcess : IProcessEvents
    {
        public (long Stdout, long Stderr) Offsets => (0, 0);

        public ValueTask OnOutputAsync(bool isStderr, long offset, ReadOnlyMemory<byte> bytes) => ValueTask.CompletedTask;

        public Task OnExitAsync(ProcessExit exit) => Task.CompletedTask;

        public void OnLost(ProcessExit exit)
        {
        }
    }
}
