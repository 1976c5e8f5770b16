using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Tests.Hostile;

/// <summary>A plugin that does what its handler's option <c>does</c> names, for the tests of what a gateway must bear.</summary>
public sealed class HostilePlugin : IRuntimePlugin
{
    public Task<IRuntimeHandler> CreateHandlerAsync(HandlerConfig config, IHandlerContext context, CancellationToken cancellationToken) =>
        Task.FromResult<IRuntimeHandler>(new HostileHandler(config.Options.GetProperty("does").GetString()!, context));
}

/// <summary>It is ready, prepares and cleans up as it should, and starts a sandbox in its own way; <c>obeys</c> does what the pod's name says.</summary>
internal sealed class HostileHandler(string does, IHandlerContext context) : IRuntimeHandler
{
    public Task<HandlerCheck> CheckAsync(CancellationToken cancellationToken)
    {
        switch (does)
        {
            case "lacks-a-library": Deeds.CallNowhere(); break;
            case "dies-in-its-check": Deeds.Do("overflows-the-stack"); break;
            default: break;
        }

        return Task.FromResult(new HandlerCheck
        {
            Ready = true,
            RuntimeVersion = typeof(Google.Protobuf.ByteString).Assembly.GetName().Version!.ToString(3),
            Features = new() { HostNamespaces = true },
        });
    }

    public Task<PreparedSandbox> PrepareSandboxAsync(PrepareSandboxRequest request, CancellationToken cancellationToken) => Task.FromResult(new PreparedSandbox
    {
        NetworkNamespacePath = does == "answers-without-end" ? "/" + new string('x', 1 << 20) : null,
    });

    public async Task<ISandbox> StartSandboxAsync(StartSandboxRequest request, CancellationToken cancellationToken)
    {
        var id = request.Sandbox.SandboxId;
        switch (does == "obeys" ? request.Sandbox.Pod.Name : does)
        {
            case "answers-nothing": return null!;
            case "answers-another-id": return new HostileSandbox("another");
            case "takes-anothers-state":
                await context.SaveStateAsync(new string('a', 64), new(1, JsonSerializer.SerializeToElement("mine")), cancellationToken).ConfigureAwait(false);
                break;
            case "floods-the-log":
                for (var i = 0; i < 20_000; i++)
                {
                    context.Log.Write(PluginLogLevel.Warning, $"flood {i}");
                }

                break;
            case var other: Deeds.Do(other); break;
        }

        return new HostileSandbox(id);
    }

    public Task<ISandbox> RestoreSandboxAsync(RestoreSandboxRequest request, CancellationToken cancellationToken) =>
        Task.FromResult<ISandbox>(new HostileSandbox(request.Start.Sandbox.SandboxId));

    public Task DestroySandboxAsync(DestroyRequest request, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task DestroyContainerAsync(DestroyRequest request, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<IReadOnlyList<OwnedObject>> ListOwnedAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<OwnedObject>>([]);

    // It never lets go, unless it obeys.
    public async ValueTask DisposeAsync() => await (does == "obeys" ? Task.CompletedTask : new TaskCompletionSource().Task).ConfigureAwait(false);
}

/// <summary>Nothing at all.</summary>
internal sealed class HostileSandbox(string id) : ISandbox
{
    public string Id => id;

    public Task<ProcessExit> Exit { get; } = new TaskCompletionSource<ProcessExit>().Task;

    public Task<SandboxInfo> InfoAsync(CancellationToken cancellationToken) => Task.FromResult(new SandboxInfo());

    public Task<IContainer> CreateContainerAsync(CreateContainerRequest request, CancellationToken cancellationToken) =>
        throw RuntimeException.NotSupported("CreateContainer");

    public IContainer? FindContainer(string containerId) => null;
}
