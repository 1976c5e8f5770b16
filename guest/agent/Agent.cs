using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>Answers the host.</summary>
internal sealed class Agent
{
    private readonly EventLoop _loop;
    private readonly HostLink _link;
    private readonly ProcessTable _processes;
    private readonly Requests _requests;
    private readonly PortTable _ports;
    private readonly MessageParts _parts = new();
    private int _connection;

    public Agent(EventLoop loop, Reaper reaper, string device)
    {
        _loop = loop;
        _processes = new(loop);
        _link = new(loop, device, Receive, _processes.Pump);
        _processes.Link = _link;
        _ports = new(loop, _link);
        _requests = new(loop, reaper, _processes, _ports);
    }

    private void Receive(Frame frame)
    {
        try
        {
            Dispatch(frame);
        }
        catch (InvalidDataException e)
        {
            // Not what this version of the protocol knows; the answer names the frame.
            Respond(frame.Id, new() { Error = new(GuestErrorCode.InvalidArgument, $"frame {frame.Kind} {frame.Id}: {e.Message}") });
        }
        catch (AgentException e)
        {
            Respond(frame.Id, new() { Error = new(e.Code, $"frame {frame.Kind} {frame.Id}: {e.Message}") });
        }
    }

    private void Dispatch(Frame frame)
    {
        if (frame.Kind == FrameKind.Hello)
        {
            Greet(ProtocolJson.Read(frame.Payload.Span, ProtocolJson.Default.Hello));
        }
        else if (!_processes.Connected)
        {
            // The rest of a connection that is no more.
        }
        else if (frame.Kind == FrameKind.Part)
        {
            _parts.Add(frame);
        }
        else if (frame.Kind == FrameKind.Request)
        {
            _ = AnswerAsync(_connection, frame.Id, _parts.Complete(frame));
        }
        else if (frame.Kind is FrameKind.PortData or FrameKind.PortAck or FrameKind.PortEnd or FrameKind.PortReset)
        {
            _ports.Receive(frame);
        }
        else if (_processes.Find(frame.Id) is { } process)
        {
            Receive(process, frame);
        }
    }

    private void Receive(RunningProcess process, Frame frame)
    {
        switch (frame.Kind)
        {
            case FrameKind.OutputAck when OffsetPayload.ReadOutput(frame.Payload.Span) is var (stream, offset):
                (stream == 1 ? process.Stdout : process.Stderr).Acknowledge(offset);
                break;
            case FrameKind.ExitAck:
                _requests.Containers.Acknowledge(process);
                break;
            case FrameKind.Input when OffsetPayload.ReadInput(frame.Payload.Span) is { } offset:
                if (!process.Input(offset, frame.Payload[OffsetPayload.InputHeader..]))
                {
                    throw new InvalidDataException("input beyond the window or with a gap");
                }

                break;
            case FrameKind.InputEnd:
                process.Stdin?.End();
                break;
            default:
                throw new InvalidDataException("unknown or malformed");
        }
    }

    private void Greet(Hello hello)
    {
        Clock.Follow(hello.Now);
        _connection++;
        _parts.Clear();
        _ports.Clear();
        _processes.Rewind();
        _processes.Connected = hello.Version == ProtocolFacts.Version;
        _link.Restart();
        var welcome = new Welcome
        {
            Version = ProtocolFacts.Version,
            Nonce = hello.Nonce,
            Kernel = File.ReadAllText("/proc/sys/kernel/osrelease").Trim(),
            UptimeMilliseconds = Environment.TickCount64,
            Containers = _requests.Containers.Describe(),
        };
        foreach (var number in welcome.Containers.SelectMany(static c => c.Init is null ? c.Execs : c.Execs.Append(c.Init)).Select(static p => p.Number))
        {
            _processes.Find(number)!.Announced = true;
        }

        Send(FrameKind.Welcome, 0, ProtocolJson.Write(welcome, ProtocolJson.Default.Welcome));
        _processes.Pump();
    }

    private async Task AnswerAsync(int connection, uint id, ReadOnlyMemory<byte> message)
    {
        GuestResponse response;
        GuestRequest? request = null;
        try
        {
            request = ProtocolJson.Read(message.Span, ProtocolJson.Default.GuestRequest);
            response = await _requests.DoAsync(request).ConfigureAwait(false);
        }
        catch (AgentException e)
        {
            response = new() { Error = new(e.Code, e.Message) };
        }
        catch (InvalidDataException e)
        {
            response = new() { Error = new(GuestErrorCode.InvalidArgument, e.Message) };
        }
        catch (Exception e)
        {
            // Whoever asked waits for an answer, and one request must not end the pod.
            response = new() { Error = new(GuestErrorCode.Internal, $"{e.GetType().Name}: {e.Message}") };
        }

        // Whoever asked in an earlier connection is gone; what it made is in the welcome.
        if (connection != _connection)
        {
            return;
        }

        Respond(id, response);
        if (response.Process is { } told && _processes.Find(told.Number) is { } process)
        {
            process.Announced = true;
            _processes.Pump();
        }

        if (response.Connection is { } number)
        {
            _ports.Begin(number);
        }

        if (request?.Shutdown is not null)
        {
            // The answer leaves before the power does.
            _loop.After(Power.OffDelayMilliseconds, Power.Off);
        }
    }

    private void Respond(uint id, GuestResponse response) =>
        Send(FrameKind.Response, id, ProtocolJson.Write(response, ProtocolJson.Default.GuestResponse));

    private void Send(FrameKind kind, uint id, byte[] message)
    {
        foreach (var frame in Frame.Split(kind, id, message))
        {
            _link.Send(frame);
        }
    }
}
