using System.Text.Json;
using Berth.Cri.Protos;

namespace Berth.Tests.Support;

/// <summary>A pod that a test runs; stopped and removed at the end.</summary>
public sealed class TestPod : IAsyncDisposable
{
    private static readonly TimeSpan ExitTime = TimeSpan.FromSeconds(30);
    private readonly CriClient _client;

    private TestPod(CriClient client, PodSandboxConfig config, string id) => (_client, Config, Id) = (client, config, id);

    public PodSandboxConfig Config { get; }

    public string Id { get; }

    /// <param name="client">The gateway.</param>
    /// <param name="logs">The folder for the folder of its logs.</param>
    /// <param name="handler">Its RuntimeClass handler; empty for none.</param>
    /// <param name="change">Changes the request.</param>
    public static async Task<TestPod> RunAsync(CriClient client, string logs, string handler = "", Action<PodSandboxConfig>? change = null)
    {
        var config = Requests.Pod();
        config.LogDirectory = Directory.CreateDirectory(Path.Combine(logs, config.Metadata.Uid)).FullName;
        change?.Invoke(config);
        var response = await client.Runtime.RunPodSandboxAsync(new() { Config = config, RuntimeHandler = handler });
        return new(client, config, response.PodSandboxId);
    }

    public async Task<PodSandboxStatus> StatusAsync() =>
        (await _client.Runtime.PodSandboxStatusAsync(new() { PodSandboxId = Id })).Status;

    /// <summary>What the verbose status says beyond the API.</summary>
    public async Task<JsonElement> InfoAsync() =>
        JsonElement.Parse((await _client.Runtime.PodSandboxStatusAsync(new() { PodSandboxId = Id, Verbose = true })).Info["info"]);

    /// <summary>The process that holds the pod; 0 if there is none.</summary>
    public async Task<int> HolderAsync() => (await InfoAsync()).GetProperty("pid").GetInt32();

    public async Task<string> CreateAsync(ContainerConfig container)
    {
        var request = new CreateContainerRequest { PodSandboxId = Id, Config = Requests.In(Config, container), SandboxConfig = Config };
        var response = await _client.Runtime.CreateContainerAsync(request);
        return response.ContainerId;
    }

    /// <summary>Creates and starts.</summary>
    public async Task<string> StartAsync(ContainerConfig container)
    {
        var id = await CreateAsync(container);
        await _client.Runtime.StartContainerAsync(new() { ContainerId = id });
        return id;
    }

    public async Task<ContainerStatus> StatusAsync(string containerId) =>
        (await _client.Runtime.ContainerStatusAsync(new() { ContainerId = containerId })).Status;

    /// <summary>Waits for a container's end.</summary>
    public Task<ContainerStatus> ExitedAsync(string containerId) =>
        Wait.ForAsync(() => StatusAsync(containerId), static s => s.State == ContainerState.ContainerExited, ExitTime);

    /// <summary>Starts what is created and waits for its end.</summary>
    public async Task<ContainerStatus> StartedToEndAsync(string containerId)
    {
        await _client.Runtime.StartContainerAsync(new() { ContainerId = containerId });
        return await ExitedAsync(containerId);
    }

    /// <summary>Creates, starts and waits for the end.</summary>
    public async Task<ContainerStatus> RunToEndAsync(ContainerConfig container) => await ExitedAsync(await StartAsync(container));

    /// <summary>Runs a container to its end: what it wrote to standard output, without the last line's end.</summary>
    public async Task<string> OutputAsync(ContainerConfig container)
    {
        var status = await RunToEndAsync(container);
        return status.ExitCode == 0
            ? LogLine.Join(Log(container.LogPath), "stdout").TrimEnd('\n')
            : throw new InvalidOperationException($"container ended with {status.ExitCode} ({status.Reason} {status.Message}): {string.Join('\n', Log(container.LogPath))}");
    }

    public async Task<(int Code, string Output, string Error)> ExecAsync(string containerId, params string[] command)
    {
        var response = await _client.Runtime.ExecSyncAsync(new() { ContainerId = containerId, Cmd = { command }, Timeout = 30 });
        return (response.ExitCode, response.Stdout.ToStringUtf8(), response.Stderr.ToStringUtf8());
    }

    /// <summary>The lines of a container's log.</summary>
    public IReadOnlyList<LogLine> Log(string name) => LogLine.Read(Path.Combine(Config.LogDirectory, name));

    public async ValueTask DisposeAsync()
    {
        await _client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = Id });
        await _client.Runtime.RemovePodSandboxAsync(new() { PodSandboxId = Id });
    }
}
