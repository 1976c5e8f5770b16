using Berth.Abstractions;
using Berth.Admin.Protos;
using Berth.Cri.Protos;
using Grpc.Core;

namespace Berth.Cli.Up;

/// <summary>A line of the demo's table.</summary>
/// <param name="Pod">The pod's name.</param>
/// <param name="Handler">The handler.</param>
/// <param name="Why">Why it was chosen, or why nothing ran on it.</param>
/// <param name="Ip">The pod's address.</param>
/// <param name="Kernel">The kernel's release as the container sees it.</param>
/// <param name="Time">From the first call to the first answer of the pod's server.</param>
/// <param name="HelperBytes">What the pod's helpers take in memory, see <see cref="HelperMemory"/>.</param>
/// <param name="Failed">It should have run. A handler that is not ready should only if it was asked for.</param>
internal sealed record DemoRow(string Pod, string Handler, string Why, string Ip = "-", string Kernel = "-", TimeSpan? Time = null, long? HelperBytes = null, bool Failed = false);

/// <summary>Runs one pod as a kubelet would: a server that tells which kernel it sees.</summary>
internal sealed class DemoPod(UpGateway gateway, UpFolders folders, TimeProvider time)
{
    private const int Port = 8080;

    // A virtual machine without hardware support on a busy machine takes its time.
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(10);

    /// <summary>Runs it on a handler; a failure is a row too.</summary>
    public async Task<DemoRow> RunAsync(HandlerRow handler, bool wasAskedFor, CancellationToken cancellationToken)
    {
        var name = "demo-" + handler.Name;
        if (!handler.Ready)
        {
            return new("-", handler.Name, "not ready: " + handler.Reason, Failed: wasAskedFor);
        }

        try
        {
            var start = time.GetTimestamp();
            var id = await StartAsync(name, handler, cancellationToken);
            var status = await gateway.Runtime.PodSandboxStatusAsync(new() { PodSandboxId = id, Verbose = true }, cancellationToken: cancellationToken);
            var kernel = await AskAsync(status.Status.Network.Ip, cancellationToken);
            var elapsed = time.GetElapsedTime(start);
            var memory = HelperMemory.Read(status.Info["info"]);
            return new(name, handler.Name, await WhyAsync(id, cancellationToken), status.Status.Network.Ip, kernel, elapsed, memory);
        }
        catch (RpcException e) when (e.StatusCode != StatusCode.Cancelled)
        {
            return new(name, handler.Name, "failed: " + e.Status.Detail, Failed: true);
        }
        catch (RuntimeException e)
        {
            return new(name, handler.Name, "failed: " + e.Message, Failed: true);
        }
    }

    private async Task<string> StartAsync(string name, HandlerRow handler, CancellationToken cancellationToken)
    {
        var pod = Pod(name);
        // The default handler is chosen by asking for none.
        var request = new RunPodSandboxRequest { Config = pod, RuntimeHandler = handler.IsDefault ? "" : handler.Name };
        var sandbox = await gateway.Runtime.RunPodSandboxAsync(request, cancellationToken: cancellationToken);
        var container = await gateway.Runtime.CreateContainerAsync(
            new() { PodSandboxId = sandbox.PodSandboxId, Config = Server(), SandboxConfig = pod }, cancellationToken: cancellationToken);
        await gateway.Runtime.StartContainerAsync(new() { ContainerId = container.ContainerId }, cancellationToken: cancellationToken);
        return sandbox.PodSandboxId;
    }

    private PodSandboxConfig Pod(string name) => new()
    {
        Metadata = new() { Name = name, Namespace = "default", Uid = Guid.NewGuid().ToString() },
        Hostname = name,
        LogDirectory = Directory.CreateDirectory(Path.Combine(folders.Logs, name)).FullName,
        Linux = new() { SecurityContext = new() { NamespaceOptions = Namespaces() } },
    };

    private static ContainerConfig Server() => new()
    {
        Metadata = new() { Name = "server" },
        Image = new() { Image = SampleImage.Name },
        Command = { "/bin/sh", "-c", $"uname -r > /tmp/index.html; echo serving on {Port}; exec httpd -f -p {Port} -h /tmp" },
        LogPath = "server.log",
        Linux = new() { SecurityContext = new() { NamespaceOptions = Namespaces() } },
    };

    private static NamespaceOption Namespaces() => new() { Pid = NamespaceMode.Container };

    // A kernel refuses a connection that comes before the server listens.
    private static async Task<string> AskAsync(string ip, CancellationToken cancellationToken)
    {
        using var http = new HttpClient();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(AnswerTime);
        while (true)
        {
            try
            {
                return (await http.GetStringAsync(new Uri($"http://{ip}:{Port}/"), limit.Token)).Trim();
            }
            catch (HttpRequestException) when (!limit.IsCancellationRequested)
            {
                await Task.Delay(AskAgain, limit.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw RuntimeException.Unavailable($"its server at {ip}:{Port} did not answer within {AnswerTime.TotalSeconds} s");
            }
        }
    }

    private async Task<string> WhyAsync(string id, CancellationToken cancellationToken)
    {
        var pods = await gateway.Admin.ListPodsAsync(new(), cancellationToken: cancellationToken);
        return pods.Pods.First(p => p.Id == id).Reason;
    }
}
