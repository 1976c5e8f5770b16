using System.Collections.Concurrent;
using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Tests.Hostile;

/// <summary>A plugin that does what its handler's option <c>does</c> names, for the tests of what a gateway must bear.</summary>
public sealed class HostilePlugin : IRuntimePlugin
{
    public Task<IRuntimeHandler> CreateHandlerAsync(HandlerConfig config, IHandlerContext context, CancellationToken cancellationToken) =>
        Task.FromResult<IRuntimeHandler>(new HostileHandler(config.Options.GetProperty("does").GetString()!, config.StateDirectory, context));
}

/// <summary>Its other half, another version of which the gateway uses.</summary>
internal static class Packages
{
    /// <summary>The versions of the packages that the plugin brings.</summary>
    public static string Versions => $"{VersionOf(typeof(Google.Protobuf.ByteString))} {VersionOf(typeof(YamlDotNet.Core.Parser))}";

    private static string VersionOf(Type type) => type.Assembly.GetName().Version!.ToString(3);
}

/// <summary>It is ready, prepares and cleans up as it should, and starts a sandbox in its own way; <c>obeys</c> does what the pod's name says.</summary>
internal sealed class HostileHandler(string does, string folder, IHandlerContext context) : IRuntimeHandler
{
    private readonly ConcurrentDictionary<string, Hanging> _pods = new();

    public Task<HandlerCheck> CheckAsync(CancellationToken cancellationToken)
    {
        switch (does)
        {
            case "lacks-a-library": Deeds.CallNowhere(); break;
            case "hangs-in-its-check": Deeds.Do("hangs"); break;
            case "dies-in-its-check": Deeds.Do("overflows-the-stack"); break;
            case "holds-on": Deeds.Do(does); break;
            default: break;
        }

        var hasImages = does == "hangs-in-its-images";

        return Task.FromResult(new HandlerCheck
        {
            Ready = true,
            RuntimeVersion = does switch { "brings-old-packages" => Packages.Versions, "brings-a-native-library" => $"native {Deeds.NativeVersion()}", _ => "none" },
            Features = new()
            {
                HostNamespaces = true,
                LimitUpdates = true,
                Attach = true,
                Checkpoint = true,
                OpensPorts = true,
                OwnsImageStore = hasImages,
                RootfsForms = hasImages ? [RootfsForm.None, RootfsForm.Layers] : [RootfsForm.Mounted],
            },
        });
    }

    public Task<PreparedSandbox> PrepareSandboxAsync(PrepareSandboxRequest request, CancellationToken cancellationToken)
    {
        (_pods[request.SandboxId] = new(request.Pod.Name, folder)).In("prepare");
        return Task.FromResult(new PreparedSandbox { NetworkNamespacePath = does == "answers-without-end" ? "/" + new string('x', 1 << 20) : null });
    }

    public async Task<ISandbox> StartSandboxAsync(StartSandboxRequest request, CancellationToken cancellationToken)
    {
        var id = request.Sandbox.SandboxId;
        _pods[id].In("start-sandbox");
        switch (does == "obeys" ? request.Sandbox.Pod.Name : does)
        {
            case "answers-nothing": return null!;
            case "answers-another-id": return new HostileSandbox("another", _pods[id]);
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

        return new HostileSandbox(id, _pods[id]);
    }

    // What was restored hangs nowhere else.
    public Task<ISandbox> RestoreSandboxAsync(RestoreSandboxRequest request, CancellationToken cancellationToken)
    {
        new Hanging(request.Start.Sandbox.Pod.Name, folder).In("restore");
        var sandbox = new HostileSandbox(request.Start.Sandbox.SandboxId, new("", folder));
        request.Containers.ToList().ForEach(c => sandbox.Add(c.Create.ContainerId));
        return Task.FromResult<ISandbox>(sandbox);
    }

    public Task DestroySandboxAsync(DestroyRequest request, CancellationToken cancellationToken) => Pod(request).InAsync("destroy");

    public Task DestroyContainerAsync(DestroyRequest request, CancellationToken cancellationToken) => Pod(request).InAsync("destroy-container");

    public Task<IReadOnlyList<OwnedObject>> ListOwnedAsync(CancellationToken cancellationToken)
    {
        new Hanging(does, folder).In("its-list");
        return Task.FromResult<IReadOnlyList<OwnedObject>>([]);
    }

    public Task<PreparedImage> PrepareImageAsync(PrepareImageRequest request, CancellationToken cancellationToken)
    {
        new Hanging(does, folder).In("its-images");
        return Task.FromResult(new PreparedImage(1, 1, "/"));
    }

    public Task ReleaseImageAsync(string imageId, CancellationToken cancellationToken) => Task.CompletedTask;

    // It never lets go, unless it obeys.
    public async ValueTask DisposeAsync() => await (does == "obeys" ? Task.CompletedTask : new TaskCompletionSource().Task).ConfigureAwait(false);

    private Hanging Pod(DestroyRequest request) => _pods.GetValueOrDefault(request.SandboxId) ?? new("", folder);
}

/// <summary>Nothing at all.</summary>
internal sealed class HostileSandbox(string id, Hanging hanging) : ISandbox
{
    private readonly ConcurrentDictionary<string, HostileContainer> _containers = new();

    public string Id => id;

    public Task<ProcessExit> Exit { get; } = new TaskCompletionSource<ProcessExit>().Task;

    public Task<SandboxInfo> InfoAsync(CancellationToken cancellationToken)
    {
        hanging.In("info");
        return Task.FromResult(new SandboxInfo());
    }

    public Task<IContainer> CreateContainerAsync(CreateContainerRequest request, CancellationToken cancellationToken)
    {
        hanging.In("create");
        return Task.FromResult<IContainer>(Add(request.ContainerId));
    }

    public IContainer? FindContainer(string containerId) => _containers.GetValueOrDefault(containerId);

    public Task<int> OpenPortAsync(int port, CancellationToken cancellationToken)
    {
        hanging.In("open-port");
        throw RuntimeException.NotSupported("OpenPort");
    }

    public HostileContainer Add(string containerId) => _containers.GetOrAdd(containerId, c => new(c, hanging));
}
