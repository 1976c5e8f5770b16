using System.Collections.Concurrent;
using Berth.Plugins.ShimV2.Protocol;
using Berth.Plugins.ShimV2.Ttrpc;
using Google.Protobuf;

namespace Berth.Plugins.ShimV2;

/// <summary>
/// What shims report their events to. A shim does not start unless somebody listens at the address that it is given; later it
/// tries each event for some seconds and drops it. So nothing may depend on an event alone: exits are awaited, and a kill for
/// lack of memory is read from the cgroup. Where the host has no such cgroup (a VM) the event is all there is.
/// </summary>
internal sealed class EventServer : IDisposable
{
    // Only of containers that live; a shim that invents ids must not fill the memory.
    private const int MaxRemembered = 1024;
    private const string OomTopic = "/tasks/oom";
    private readonly TtrpcServer _server;
    private readonly ConcurrentDictionary<string, bool> _outOfMemory = new();

    public EventServer(string path) => _server = new(path, Serve);

    /// <summary>Whether a kill for lack of memory was reported for the container; forgets it.</summary>
    public bool TakeOutOfMemory(string containerId) => _outOfMemory.TryRemove(containerId, out _);

    public void Dispose() => _server.Dispose();

    private Response Serve(Request request)
    {
        if (request.Method != "Forward")
        {
            return new() { Status = new() { Code = (int)TtrpcCode.Unimplemented, Message = $"there is no method {request.Method}" } };
        }

        var envelope = ForwardRequest.Parser.ParseFrom(request.Payload).Envelope;
        if (envelope is { Topic: OomTopic, Event: { } oom } && _outOfMemory.Count < MaxRemembered)
        {
            _outOfMemory[TaskOom.Parser.ParseFrom(oom.Value).ContainerId] = true;
        }

        return new() { Payload = ByteString.Empty };
    }
}
