using System.Net.Sockets;
using System.Text.Json.Nodes;
using Berth.Linux;

namespace Berth.Tests.Support;

/// <summary>A Docker Engine of the tests' own: its folders, its socket, its containerd; no bridge and no packet filter.</summary>
public sealed class DockerEngine : IAsyncDisposable
{
    private const string SearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    // Sockets must have short names, and what is overlaid must not lie on tmpfs.
    private readonly string _run = $"/run/bd-{Random.Shared.Next():x8}";
    private readonly string _data;
    private Daemon? _daemon;

    private DockerEngine() => _data = _run.Replace("/run/", "/var/lib/", StringComparison.Ordinal);

    /// <summary>Where it listens.</summary>
    public string Endpoint => $"unix://{_run}/s";

    public string Log => _daemon!.Log;

    /// <summary>Whether the packages are there.</summary>
    public static bool IsInstalled => Find("docker.io", "dockerd") is not null && Find("containerd", "containerd") is not null;

    public static async Task<DockerEngine> StartAsync()
    {
        var engine = new DockerEngine();
        Directory.CreateDirectory(engine._run);
        Directory.CreateDirectory(engine._data);
        await engine.LaunchAsync();
        return engine;
    }

    /// <summary>Starts it again, as after an upgrade; containers end with it.</summary>
    public async Task LaunchAsync()
    {
        var folders = new[] { Find("docker.io", "dockerd"), Find("containerd", "containerd") }.Select(static p => Path.GetDirectoryName(p)!);
        var command = new Command
        {
            Path = Find("docker.io", "dockerd")!,
            Arguments =
            [
                "--iptables=false", "--bridge=none", "--oom-score-adjust", "0", "--live-restore", "--data-root", _data,
                "--exec-root", $"{_run}/e", "--pidfile", $"{_run}/pid", "-H", $"unix://{_run}/s",
            ],
            Environment = new Dictionary<string, string> { ["PATH"] = $"{string.Join(':', folders)}:{SearchPath}" },
        };
        _daemon = Daemon.Launch("dockerd", command, $"{_run}/log");
        await _daemon.ReadyAsync(AnswersAsync);
    }

    /// <summary>Ends it without a warning; its containers go on.</summary>
    public async Task KillAsync()
    {
        await _daemon!.KillAsync();
        // Its containerd is a process of its own, which would keep the next one from starting.
        if (File.Exists($"{_run}/e/containerd/containerd.pid") && int.TryParse(await File.ReadAllTextAsync($"{_run}/e/containerd/containerd.pid"), out var pid))
        {
            using var containerd = PidFd.TryOpen(pid);
            if (containerd?.Signal(9) == true)
            {
                await containerd.ExitedAsync(CancellationToken.None);
            }
        }

        File.Delete($"{_run}/pid");
    }

    /// <summary>The names of all containers.</summary>
    public async Task<IReadOnlyList<string>> NamesAsync() =>
        [.. (await GetAsync("containers/json?all=1")).AsArray().Select(static c => c!["Names"]![0]!.GetValue<string>().TrimStart('/'))];

    /// <summary>The state of each container by its name in the pod.</summary>
    public async Task<IReadOnlyList<(string Name, string State)>> StatesAsync() =>
        [.. (await GetAsync("containers/json?all=1")).AsArray().Select(static c => (c!["Labels"]!["io.kubernetes.container.name"]!.GetValue<string>(), c["State"]!.GetValue<string>()))];

    /// <summary>The first tag of each image.</summary>
    public async Task<IReadOnlyList<string>> ImagesAsync() =>
        [.. (await GetAsync("images/json")).AsArray().Select(static i => i!["RepoTags"]![0]!.GetValue<string>())];

    public async ValueTask DisposeAsync()
    {
        await _daemon!.DisposeAsync();
        foreach (var folder in (string[])[_run, _data])
        {
            MountTable.UnmountBeneath(folder);
            FileTree.Delete(folder);
        }
    }

    private async Task<bool> AnswersAsync()
    {
        using var http = Client();
        try
        {
            return (await http.GetAsync(new Uri("http://engine/_ping"))).IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task<JsonNode> GetAsync(string path)
    {
        using var http = Client();
        return JsonNode.Parse(await http.GetStringAsync(new Uri($"http://engine/v1.41/{path}")))!;
    }

    private HttpClient Client() => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, token) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, 0);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint($"{_run}/s"), token);
            return new NetworkStream(socket, ownsSocket: true);
        },
    });

    // Unpacked by the scripts, or installed.
    private static string? Find(string package, string program) =>
        new[] { $"artifacts/tools/{package}/usr/sbin/{program}", $"artifacts/tools/{package}/usr/bin/{program}" }
            .Select(static p => Path.Combine(Repository.Root, p)).FirstOrDefault(File.Exists) ?? Executable.Find(program);
}
