using System.Collections.Concurrent;
using Berth.Abstractions;

namespace Example;

/// <summary>
/// Runs pods without anything of their own: the gateway has made namespaces and cgroups, and each container is a monitor with
/// the runtime's container below it.
/// </summary>
internal sealed class ExampleHandler(HandlerConfig config, ExampleOptions options, IHandlerContext context) : IRuntimeHandler
{
    private readonly Tools _tools = new(config, options, context);
    private readonly ConcurrentDictionary<string, ExampleSandbox> _sandboxes = new();

    public async Task<HandlerCheck> CheckAsync(CancellationToken cancellationToken)
    {
        foreach (var program in (string[])[_tools.Options.Runtime, _tools.Options.Monitor])
        {
            if (Programs.Find(program) is null)
            {
                return new() { Ready = false, Reason = $"'{program}' is not on this machine: install the package that has it" };
            }
        }

        var version = await Programs.RunAsync(_tools.Options.Runtime, ["--version"], cancellationToken);
        return new()
        {
            Ready = version.Code == 0,
            Reason = version.Code == 0 ? null : $"'{_tools.Options.Runtime} --version' fails: {version.Error}",
            RuntimeVersion = version.Output.Split('\n')[0],
            // What is not said here is refused by the gateway, with the reason, before this handler is asked.
            Features = new()
            {
                HostNamespaces = true,
                Privileged = true,
                Devices = true,
                Seccomp = true,
                Sysctls = true,
                SharedFolders = true,
                MountOptions = true,
                LimitUpdates = true,
                HostProcesses = true,
            },
        };
    }

    public Task<PreparedSandbox> PrepareSandboxAsync(PrepareSandboxRequest request, CancellationToken cancellationToken) =>
        Task.FromResult(new PreparedSandbox());

    public Task<ISandbox> StartSandboxAsync(StartSandboxRequest request, CancellationToken cancellationToken) =>
        Task.FromResult<ISandbox>(_sandboxes.GetOrAdd(request.Sandbox.SandboxId, id => new(id, _tools)));

    public async Task<ISandbox> RestoreSandboxAsync(RestoreSandboxRequest request, CancellationToken cancellationToken)
    {
        var sandbox = new ExampleSandbox(request.Start.Sandbox.SandboxId, _tools);
        await Task.WhenAll(request.Containers.Select(sandbox.RestoreAsync));
        return _sandboxes[sandbox.Id] = sandbox;
    }

    public async Task DestroySandboxAsync(DestroyRequest request, CancellationToken cancellationToken)
    {
        await Task.WhenAll(_tools.Known(request.SandboxId).Select(id => RemoveAsync(request.SandboxId, id)));
        _tools.Forget(request.SandboxId);
        _sandboxes.TryRemove(request.SandboxId, out _);
    }

    public Task DestroyContainerAsync(DestroyRequest request, CancellationToken cancellationToken) =>
        RemoveAsync(request.SandboxId, request.ContainerId ?? throw RuntimeException.InvalidArgument("the request names no container"));

    public Task<IReadOnlyList<OwnedObject>> ListOwnedAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<OwnedObject>>([.. _tools.AllKnown().Where(_tools.IsAlive).Select(static id => new OwnedObject(id, "container", "under its monitor"))]);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    // It needs no object: what an earlier gateway, or half a create, has left is found by the id alone.
    private async Task RemoveAsync(string sandboxId, string id)
    {
        var sandbox = _sandboxes.GetValueOrDefault(sandboxId);
        await _tools.RemoveAsync(sandboxId, id, sandbox?.Find(id)?.Init.Exit);
        sandbox?.Drop(id);
    }
}
