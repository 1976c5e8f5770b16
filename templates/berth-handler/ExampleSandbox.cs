using System.Collections.Concurrent;
using System.Text.Json;
using Berth.Abstractions;

namespace Example;

/// <summary>A pod: no more than its containers.</summary>
internal sealed class ExampleSandbox(string id, Tools tools) : ISandbox
{
    private readonly ConcurrentDictionary<string, ExampleContainer> _containers = new();

    public string Id => id;

    // Nothing holds the pod, so nothing can end.
    public Task<ProcessExit> Exit { get; } = new TaskCompletionSource<ProcessExit>().Task;

    public Task<SandboxInfo> InfoAsync(CancellationToken cancellationToken) => Task.FromResult(new SandboxInfo());

    public async Task<IContainer> CreateContainerAsync(CreateContainerRequest request, CancellationToken cancellationToken)
    {
        Demand(request);

        // 1 what an earlier try has left
        await tools.RemoveAsync(id, request.ContainerId, Find(request.ContainerId)?.Init.Exit);

        foreach (var file in (string[])["pid", "exit", "oom", "cgroups"])
        {
            File.Delete(Path.Combine(request.PrivateDirectory, file));
        }

        // 2 the journal first: from here on a new gateway knows that there may be something
        await tools.Context.SaveStateAsync(request.ContainerId, State(""), cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        tools.Remember(id, request.ContainerId);

        // 3 the monitor, and below it the runtime's create
        var (pid, refusal) = await StartAsync(request);
        if (refusal is not null)
        {
            await tools.RemoveAsync(id, request.ContainerId, null);
            await tools.Context.SaveStateAsync(request.ContainerId, State(refusal), cancellationToken);
            return Add(request, new RefusedInit(refusal));
        }

        return Add(request, new ExampleInit(tools, request, pid, started: false));
    }

    public IContainer? FindContainer(string containerId) => Find(containerId);

    public ExampleContainer? Find(string containerId) => _containers.GetValueOrDefault(containerId);

    public void Drop(string containerId) => _containers.TryRemove(containerId, out _);

    public async Task RestoreAsync(RestoreContainer container)
    {
        var request = container.Create;
        var refusal = container.State?.Data.GetString() ?? "";
        if (refusal.Length > 0)
        {
            Add(request, new RefusedInit(refusal));
            return;
        }

        var pid = await Files.NumberAsync(Files.Pid(request)) ?? 0;
        Add(request, new ExampleInit(tools, request, pid, container.Started));
    }

    private async Task<(int Pid, string? Refusal)> StartAsync(CreateContainerRequest request)
    {
        try
        {
            return await Monitors.StartAsync(tools, request);
        }
        catch (RuntimeException)
        {
            await tools.RemoveAsync(id, request.ContainerId, null);
            throw;
        }
    }

    // What can never work is refused before anything is made.
    private static void Demand(CreateContainerRequest request)
    {
        try
        {
            using var config = JsonDocument.Parse(File.ReadAllText(Path.Combine(request.BundlePath, "config.json")));
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            throw RuntimeException.InvalidArgument($"container {request.ContainerId}: {request.BundlePath}/config.json: {e.Message}");
        }
    }

    private ExampleContainer Add(CreateContainerRequest request, IProcess init) => _containers[request.ContainerId] = new(tools, request, init);

    // All that cannot be found again by the id: why the runtime refused the bundle.
    private static StateRecord State(string refusal) => new(1, JsonSerializer.SerializeToElement(refusal));
}
