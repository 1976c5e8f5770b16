using Berth.Linux;
using Berth.Tests.Support;

namespace Berth.Bench;

/// <summary>Debian's containerd with folders, socket and bridge of its own, beside any other that runs.</summary>
internal sealed class Containerd : IAsyncDisposable
{
    // The shim's sockets lie here whatever the configuration says (containerd 1.6, runtime/v2/shim/util_unix.go).
    private const string ShimSockets = "/run/containerd";
    /// <summary>The parent of its pods' cgroups; a kubelet would make and remove these.</summary>
    public const string PodCgroups = "/berth-bench-containerd";

    private const string PauseImage = "registry.k8s.io/pause:3.6";

    private readonly TempFolder _disk = new("/var/lib");
    private readonly TempFolder _volatile = new("/run");
    private readonly TestNetwork _network = new();
    private readonly bool _ownsShimSockets = !Directory.Exists(ShimSockets);
    private Daemon? _daemon;

    private Containerd() => Client = new(SocketPath);

    public CriClient Client { get; }

    public int Pid => _daemon!.Pid;

    public string Logs => _disk.Folder("logs");

    private string SocketPath => _volatile["containerd.sock"];

    /// <param name="sample">The layout of the image that the pods run.</param>
    public static async Task<Containerd> StartAsync(string sample)
    {
        var containerd = new Containerd();
        try
        {
            await containerd.LaunchAsync();
            await containerd.ImportPauseAsync();
            await containerd.ImportAsync(sample);
            return containerd;
        }
        catch
        {
            await containerd.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_daemon is { Ended.IsCompleted: false })
        {
            foreach (var pod in (await Client.Runtime.ListPodSandboxAsync(new())).Items)
            {
                await Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = pod.Id });
                await Client.Runtime.RemovePodSandboxAsync(new() { PodSandboxId = pod.Id });
            }
        }

        Client.Dispose();
        if (_daemon is not null)
        {
            await _daemon.DisposeAsync();
        }

        await new Cgroups(CgroupLayout.Detect()).RemoveAsync(PodCgroups, CancellationToken.None);
        await _network.DisposeAsync();
        _volatile.Dispose();
        _disk.Dispose();
        if (_ownsShimSockets && Directory.Exists(ShimSockets))
        {
            MountTable.UnmountBeneath(ShimSockets);
            Directory.Delete(ShimSockets, recursive: true);
        }
    }

    private async Task LaunchAsync()
    {
        var config = _disk.File("config.toml", Configuration());
        var binary = Repository.Tool("containerd", "usr/bin/containerd");
        // containerd looks for its shim on the PATH.
        var path = $"{Path.GetDirectoryName(binary)}:{Executable.SearchPath}";
        var command = new Command { Path = binary, Arguments = ["--config", config], Environment = new Dictionary<string, string> { ["PATH"] = path } };
        _daemon = Daemon.Launch("containerd", command, _disk["log"]);
        await _daemon.ReadyAsync(Client.AnswersAsync);
    }

    // The same runtime, plugins and limits as for Berth.
    private string Configuration() => $$"""
        version = 2
        root = "{{_disk["root"]}}"
        state = "{{_volatile["state"]}}"
        disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
        [grpc]
          address = "{{SocketPath}}"
        [plugins."io.containerd.grpc.v1.cri"]
          sandbox_image = "{{PauseImage}}"
          restrict_oom_score_adj = true
          stream_server_address = "127.0.0.1"
          [plugins."io.containerd.grpc.v1.cri".cni]
            bin_dir = "/usr/lib/cni"
            conf_dir = "{{_network.ConfDir}}"
          [plugins."io.containerd.grpc.v1.cri".containerd]
            default_runtime_name = "runc"
            [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
              runtime_type = "io.containerd.runc.v2"
              [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
                Root = "{{_volatile["runc"]}}"
        """;

    // catatonit -P does what the usual pause program does, and is static too.
    private async Task ImportPauseAsync()
    {
        var program = TestLayer.File("catatonit", "", (UnixFileMode)0b111_101_101);
        program.DataStream = new MemoryStream(await File.ReadAllBytesAsync(Executable.Find("catatonit") ?? throw new InvalidOperationException("catatonit is missing")));
        var image = new TestImage([TestLayer.Of(program)], new() { ["Entrypoint"] = new System.Text.Json.Nodes.JsonArray("/catatonit", "-P") });
        image.WriteLayout(_disk.Folder("pause"), PauseImage);
        await ImportAsync(_disk["pause"]);
    }

    private async Task ImportAsync(string layout)
    {
        var tar = _disk[Path.GetFileName(layout) + ".tar"];
        await System.Formats.Tar.TarFile.CreateFromDirectoryAsync(layout, tar, includeBaseDirectory: false);
        var command = new Command
        {
            Path = Repository.Tool("containerd", "usr/bin/ctr"),
            Arguments = ["--address", SocketPath, "--namespace", "k8s.io", "images", "import", tar],
        };
        var result = await CommandRunner.RunAsync(command, null, 1 << 20, CancellationToken.None);
        if (result.ExitCode != 0)
        {
            throw new InvalidOperationException($"ctr images import {layout}: {result.Error}");
        }
    }
}
