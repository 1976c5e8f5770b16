using System.Text.Json;
using Berth.Abstractions;
using Berth.Remoting.Wire;

namespace Berth.Remoting.Client;

/// <summary>A container in another process.</summary>
internal sealed class RemoteContainer : IContainer
{
    private static long _lastAttachment;

    private readonly RemoteSandbox _sandbox;

    public RemoteContainer(RemoteSandbox sandbox, CreateContainerRequest created, int pid, bool isStarted)
    {
        (_sandbox, Created, IsStarted) = (sandbox, created, isStarted);
        var request = Request(Verb.ProcessExit);
        Remote = new(sandbox, request, pid, ExitWatch.RunAsync(sandbox, request), () => IsStarted = true);
    }

    public string Id => Created.ContainerId;

    public IProcess Init => Remote;

    public RemoteProcess Remote { get; }

    public CreateContainerRequest Created { get; }

    public bool IsStarted { get; private set; }

    public async Task<IProcess> ExecAsync(ExecRequest request, CancellationToken cancellationToken)
    {
        var descriptors = new StdioDescriptors();
        var sent = Request(Verb.Exec) with
        {
            Exec = request.ExecId,
            ExecRequest = request with
            {
                Stdin = descriptors.Add(request.Stdin),
                Stdout = descriptors.Add(request.Stdout),
                Stderr = descriptors.Add(request.Stderr),
            },
        };
        var process = await _sandbox.ProcessAsync(cancellationToken).ConfigureAwait(false);
        var answer = await process.CallAsync(sent, descriptors.Numbers, mayHaveDescriptor: false, cancellationToken).ConfigureAwait(false);
        var exec = Request(Verb.ProcessExit) with { Exec = request.ExecId };
        return new RemoteProcess(_sandbox, exec, answer.Message.Pid, ExitOfExecAsync(process, exec), static () => { });
    }

    public async Task UpdateAsync(JsonElement linuxResources, CancellationToken cancellationToken) =>
        await CallAsync(Request(Verb.UpdateContainer) with { Limits = linuxResources }, cancellationToken).ConfigureAwait(false);

    public async Task<ResourceUsage> StatsAsync(CancellationToken cancellationToken)
    {
        var process = await _sandbox.ProcessAsync(cancellationToken).ConfigureAwait(false);
        return process.Require((await process.CallAsync(Request(Verb.ContainerStats), cancellationToken).ConfigureAwait(false)).Usage, "usage");
    }

    public async Task<IReadOnlyList<int>> PidsAsync(CancellationToken cancellationToken)
    {
        var process = await _sandbox.ProcessAsync(cancellationToken).ConfigureAwait(false);
        return process.Require((await process.CallAsync(Request(Verb.Pids), cancellationToken).ConfigureAwait(false)).Pids, "pids");
    }

    public Task ReopenLogAsync(CancellationToken cancellationToken) => CallAsync(Request(Verb.ReopenLog), cancellationToken);

    public Task CheckpointAsync(CheckpointRequest request, CancellationToken cancellationToken) =>
        CallAsync(Request(Verb.Checkpoint) with { CheckpointRequest = request }, cancellationToken);

    public async Task<IAttachment> AttachAsync(AttachRequest request, CancellationToken cancellationToken)
    {
        var descriptors = new StdioDescriptors();
        var attachment = Interlocked.Increment(ref _lastAttachment);
        var sent = Request(Verb.Attach) with
        {
            Attachment = attachment,
            AttachRequest = request with
            {
                Stdin = descriptors.Add(request.Stdin),
                Stdout = descriptors.Add(request.Stdout),
                Stderr = descriptors.Add(request.Stderr),
            },
        };
        var process = await _sandbox.ProcessAsync(cancellationToken).ConfigureAwait(false);
        await process.CallAsync(sent, descriptors.Numbers, mayHaveDescriptor: false, cancellationToken).ConfigureAwait(false);
        return new RemoteAttachment(process, _sandbox.Handler.Request(Verb.AttachmentEnd) with { Attachment = attachment });
    }

    private WireRequest Request(Verb verb) => _sandbox.Request(verb) with { Container = Id };

    private async Task CallAsync(WireRequest request, CancellationToken cancellationToken) =>
        await (await _sandbox.ProcessAsync(cancellationToken).ConfigureAwait(false)).CallAsync(request, cancellationToken).ConfigureAwait(false);

    // An exec belongs to the process that made it: nobody adopts it.
    private async Task<ProcessExit> ExitOfExecAsync(PluginProcess process, WireRequest request)
    {
        try
        {
            return process.Require((await process.CallAsync(request, CancellationToken.None).ConfigureAwait(false)).Exit, "exit");
        }
        catch (Exception e) when (e is RuntimeException or PluginProcessException)
        {
            return ExitWatch.Lost(_sandbox, e.Message);
        }
    }
}
