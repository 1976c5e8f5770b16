using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Remoting.Wire;

namespace Berth.Remoting.Client;

/// <summary>A sandbox in another process. It keeps what a new process needs to adopt it.</summary>
internal sealed class RemoteSandbox : ISandbox
{
    private readonly RemoteHandler _handler;
    private readonly StartSandboxRequest _request;
    private readonly OncePerProcess _adopted;
    private readonly ConcurrentDictionary<string, RemoteContainer> _containers = new(StringComparer.Ordinal);

    // Set once a new process has said that nothing of it is left.
    private volatile string? _lost;

    public RemoteSandbox(RemoteHandler handler, StartSandboxRequest request)
    {
        (_handler, _request) = (handler, request);
        _adopted = new(process => RestoreAsync(process, ToRequest(), handler.Dropped));
    }

    public string Id => _request.Sandbox.SandboxId;

    public Task<ProcessExit> Exit { get; private set; } = Task.FromException<ProcessExit>(new InvalidOperationException("it is not watched yet"));

    public IEnumerable<string> ContainerIds => _containers.Keys;

    public RemoteHandler Handler => _handler;

    public WireRequest Request(Verb verb) => _handler.Request(verb) with { Sandbox = Id };

    public void IsKnownTo(PluginProcess process) => _adopted.Knows(process);

    public void Watch() => Exit = ExitWatch.RunAsync(this, Request(Verb.SandboxExit));

    /// <summary>The process that lives now, which knows this sandbox.</summary>
    public async Task<PluginProcess> ProcessAsync(CancellationToken cancellationToken) =>
        await ReadyAsync(await _handler.ProcessAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);

    /// <summary>The same, however long it takes.</summary>
    public async Task<PluginProcess> ProcessAtLastAsync() =>
        await ReadyAsync(await _handler.ProcessAtLastAsync().ConfigureAwait(false), _handler.Dropped).ConfigureAwait(false);

    /// <exception cref="RuntimeException">NotFound: nothing of it is left.</exception>
    public async Task<PluginProcess> ReadyAsync(PluginProcess process, CancellationToken cancellationToken)
    {
        if (_lost is { } reason)
        {
            throw RuntimeException.NotFound(reason);
        }

        await _adopted.TellAsync(process, cancellationToken).ConfigureAwait(false);
        return process;
    }

    public async Task RestoreAsync(PluginProcess process, RestoreSandboxRequest request, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await process.CallAsync(Request(Verb.RestoreSandbox) with { Restore = request }, cancellationToken).ConfigureAwait(false);
            if (process.Require(answer.Id, "id") != Id)
            {
                throw process.Breach($"sandbox {Id} was restored as {answer.Id}");
            }

            Take(request, process.Require(answer.Containers, "containers").ToDictionary(static c => c.Id, static c => c.Pid, StringComparer.Ordinal));
        }
        catch (RuntimeException e) when (e.Code == RuntimeErrorCode.NotFound)
        {
            _lost = e.Message;
            throw;
        }
    }

    public void Forget(string containerId) => _containers.TryRemove(containerId, out _);

    public async Task<SandboxInfo> InfoAsync(CancellationToken cancellationToken)
    {
        var process = await ProcessAsync(cancellationToken).ConfigureAwait(false);
        return process.Require((await process.CallAsync(Request(Verb.SandboxInfo), cancellationToken).ConfigureAwait(false)).Info, "info");
    }

    public async Task<IContainer> CreateContainerAsync(CreateContainerRequest request, CancellationToken cancellationToken)
    {
        _handler.Given(request.ContainerId);
        var process = await ProcessAsync(cancellationToken).ConfigureAwait(false);
        var answer = await process.CallAsync(Request(Verb.CreateContainer) with { Create = request }, cancellationToken).ConfigureAwait(false);
        return process.Require(answer.Id, "id") == request.ContainerId
            ? _containers[request.ContainerId] = new(this, request, answer.Pid, isStarted: false)
            : throw process.Breach($"container {request.ContainerId} was created as {answer.Id}");
    }

    public IContainer? FindContainer(string containerId) => _containers.GetValueOrDefault(containerId);

    public async Task<ResourceUsage> StatsAsync(CancellationToken cancellationToken)
    {
        var process = await ProcessAsync(cancellationToken).ConfigureAwait(false);
        return process.Require((await process.CallAsync(Request(Verb.SandboxStats), cancellationToken).ConfigureAwait(false)).Usage, "usage");
    }

    public async Task UpdateResourcesAsync(PodResources resources, CancellationToken cancellationToken)
    {
        var process = await ProcessAsync(cancellationToken).ConfigureAwait(false);
        await process.CallAsync(Request(Verb.UpdateResources) with { Resources = resources }, cancellationToken).ConfigureAwait(false);
    }

    public async Task<int> OpenPortAsync(int port, CancellationToken cancellationToken)
    {
        var process = await ProcessAsync(cancellationToken).ConfigureAwait(false);
        var answer = await process.CallAsync(Request(Verb.OpenPort) with { Number = port }, [], mayHaveDescriptor: true, cancellationToken).ConfigureAwait(false);
        if (answer.Descriptors is [var socket] && Linux.SocketMessages.IsStream(socket) && !cancellationToken.IsCancellationRequested)
        {
            return socket.Release();
        }

        answer.Descriptors.ToList().ForEach(static d => d.Dispose());
        cancellationToken.ThrowIfCancellationRequested();
        throw process.Breach("an opened port is no stream socket");
    }

    private RestoreSandboxRequest ToRequest() => new()
    {
        Start = _request,
        State = _handler.StateOf(Id),
        Containers = [.. _containers.Values.Select(c => new RestoreContainer { Create = c.Created, State = _handler.StateOf(c.Id), Started = c.IsStarted })],
    };

    private void Take(RestoreSandboxRequest request, Dictionary<string, int> found)
    {
        foreach (var asked in request.Containers)
        {
            var id = asked.Create.ContainerId;
            if (_containers.TryGetValue(id, out var known))
            {
                known.Remote.Pid = found.GetValueOrDefault(id, known.Remote.Pid);
            }
            else if (found.TryGetValue(id, out var pid))
            {
                _containers[id] = new(this, asked.Create, pid, asked.Started);
            }
        }
    }
}
