using Berth.Abstractions;
using Berth.Remoting.Wire;

namespace Berth.PluginHost;

/// <summary>Calls of <see cref="ISandbox"/>.</summary>
internal static class SandboxCalls
{
    public static async Task<WireAnswer> RunAsync(HandlerObjects objects, WireRequest request, CancellationToken cancellationToken)
    {
        var sandbox = objects.Sandbox(request);
        switch (request.Verb)
        {
            case Verb.SandboxInfo:
                return new() { Info = await sandbox.InfoAsync(cancellationToken).ConfigureAwait(false) ?? throw PluginServer.Null() };
            case Verb.SandboxStats:
                return new() { Usage = await sandbox.StatsAsync(cancellationToken).ConfigureAwait(false) ?? throw PluginServer.Null() };
            case Verb.SandboxExit:
                return new() { Exit = await sandbox.Exit.WaitAsync(cancellationToken).ConfigureAwait(false) ?? throw PluginServer.Null() };
            case Verb.UpdateResources:
                await sandbox.UpdateResourcesAsync(request.Resources!, cancellationToken).ConfigureAwait(false);
                return new();
            default:
                var container = await sandbox.CreateContainerAsync(request.Create!, cancellationToken).ConfigureAwait(false) ?? throw PluginServer.Null();
                objects.Add(request.Sandbox!, request.Create!.ContainerId, container);
                return new() { Id = container.Id, Pid = container.Init.Pid };
        }
    }
}
