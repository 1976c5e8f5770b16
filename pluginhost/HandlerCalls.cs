using Berth.Abstractions;
using Berth.Remoting.Wire;

namespace Berth.PluginHost;

/// <summary>Calls of <see cref="IRuntimeHandler"/>.</summary>
internal static class HandlerCalls
{
    public static async Task<WireAnswer> RunAsync(HandlerObjects objects, WireRequest request, CancellationToken cancellationToken)
    {
        var handler = objects.Handler;
        switch (request.Verb)
        {
            case Verb.Check:
                return new() { Check = await handler.CheckAsync(cancellationToken).ConfigureAwait(false) ?? throw PluginServer.Null() };
            case Verb.PrepareSandbox:
                return new() { Prepared = await handler.PrepareSandboxAsync(request.Prepare!, cancellationToken).ConfigureAwait(false) ?? throw PluginServer.Null() };
            case Verb.StartSandbox:
                return Keep(objects, request.Start!, await handler.StartSandboxAsync(request.Start!, cancellationToken).ConfigureAwait(false));
            case Verb.RestoreSandbox:
                return Keep(objects, request.Restore!, await handler.RestoreSandboxAsync(request.Restore!, cancellationToken).ConfigureAwait(false));
            case Verb.DestroySandbox:
                await handler.DestroySandboxAsync(request.Destroy!, cancellationToken).ConfigureAwait(false);
                objects.ForgetSandbox(request.Destroy!.SandboxId);
                return new();
            case Verb.DestroyContainer:
                await handler.DestroyContainerAsync(request.Destroy!, cancellationToken).ConfigureAwait(false);
                objects.ForgetContainer(request.Destroy!.ContainerId!);
                return new();
            case Verb.ListOwned:
                return new() { Owned = await handler.ListOwnedAsync(cancellationToken).ConfigureAwait(false) ?? throw PluginServer.Null() };
            case Verb.PrepareImage:
                return new() { Image = await handler.PrepareImageAsync(request.Image!, cancellationToken).ConfigureAwait(false) ?? throw PluginServer.Null() };
            default:
                await handler.ReleaseImageAsync(request.Text!, cancellationToken).ConfigureAwait(false);
                return new();
        }
    }

    private static WireAnswer Keep(HandlerObjects objects, StartSandboxRequest request, ISandbox sandbox)
    {
        objects.Add(request.Sandbox.SandboxId, sandbox ?? throw PluginServer.Null());
        return new() { Id = sandbox.Id };
    }

    private static WireAnswer Keep(HandlerObjects objects, RestoreSandboxRequest request, ISandbox sandbox)
    {
        var answer = Keep(objects, request.Start, sandbox);
        var found = new List<WireContainer>();
        foreach (var id in request.Containers.Select(static c => c.Create.ContainerId))
        {
            if (sandbox.FindContainer(id) is { } container)
            {
                objects.Add(request.Start.Sandbox.SandboxId, id, container);
                found.Add(new(container.Id, container.Init.Pid));
            }
        }

        return answer with { Containers = found };
    }
}
