using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Tests.Contract;

/// <summary>A pod as the host prepares it: namespaces, cgroups, folders, bundles.</summary>
internal sealed class ContractPod
{
    private readonly ContractHost _host;
    private readonly string _folder;
    private readonly Dictionary<string, string> _namespaces = [];
    private readonly List<CreateContainerRequest> _containers = [];

    public ContractPod(ContractHost host, bool sharedPid)
    {
        (_host, Id) = (host, NewId());
        _folder = Directory.CreateDirectory(Path.Combine(host.Folder, Id[..8])).FullName;
        Cgroup = new() { Path = $"{host.CgroupRoot}/{Id[..8]}", OverheadPath = $"{host.CgroupRoot}/{Id[..8]}/overhead" };
        host.Cgroups.Create(Cgroup.OverheadPath);
        PinNamespaces();
        Request = new()
        {
            SandboxId = Id,
            Pod = new() { Name = "pod", Namespace = "contract", Uid = Id[..8] },
            PrivateDirectory = Directory.CreateDirectory(Path.Combine(_folder, "sandbox")).FullName,
            BundlePath = Path.Combine(_folder, "sandbox-bundle"),
            NeedsInit = sharedPid,
            Hostname = "contract",
            Cgroup = Cgroup,
            NamespacePaths = _namespaces,
        };
        WriteBundle(Request.BundlePath, $"{Cgroup.Path}/sandbox", ["/bin/sh", "-c", "while :; do sleep 3600; done"], []);
    }

    public string Id { get; }

    public PodCgroup Cgroup { get; }

    public PrepareSandboxRequest Request { get; }

    public ISandbox Sandbox { get; private set; } = null!;

    public IReadOnlyList<CreateContainerRequest> Containers => _containers;

    public static string NewId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    public async Task StartAsync()
    {
        await _host.Handler.PrepareSandboxAsync(Request, CancellationToken.None);
        Sandbox = await _host.Handler.StartSandboxAsync(new() { Sandbox = Request }, CancellationToken.None);
        foreach (var (type, path) in (await Sandbox.InfoAsync(CancellationToken.None)).NamespacePaths)
        {
            _namespaces[type] = path;
        }
    }

    /// <summary>The request for a container whose command is a line of shell, or an array.</summary>
    public CreateContainerRequest Plan(string script, JsonObject? resources = null, string[]? arguments = null)
    {
        var id = NewId();
        var folder = Path.Combine(_folder, id[..8]);
        var request = new CreateContainerRequest
        {
            SandboxId = Id,
            ContainerId = id,
            Name = "c",
            BundlePath = Path.Combine(folder, "bundle"),
            PrivateDirectory = Directory.CreateDirectory(Path.Combine(folder, "private")).FullName,
            Rootfs = new() { Form = RootfsForm.Mounted, Path = _host.Rootfs },
            ImageId = "sha256:0",
            LogPath = Path.Combine(folder, "log"),
            Cgroup = Cgroup,
        };
        WriteBundle(request.BundlePath, CgroupOf(id), arguments ?? ["/bin/sh", "-c", script], resources ?? []);
        _containers.Add(request);
        return request;
    }

    public Task<IContainer> CreateAsync(CreateContainerRequest request) => Sandbox.CreateContainerAsync(request, CancellationToken.None);

    public async Task<IContainer> RunAsync(string script, JsonObject? resources = null)
    {
        var container = await CreateAsync(Plan(script, resources));
        await container.Init.StartAsync(CancellationToken.None);
        return container;
    }

    public string CgroupOf(string containerId) => $"{Cgroup.Path}/{containerId[..8]}";

    public string WriteProcess(string name, params string[] arguments) => Bundle.WriteProcess(_folder, name, arguments);

    /// <summary>What the host's records say after a restart.</summary>
    public RestoreSandboxRequest RestoreRequest(bool started = true) => new()
    {
        Start = new() { Sandbox = Request },
        State = _host.States.GetValueOrDefault(Id),
        Containers = [.. _containers.Select(c => new RestoreContainer { Create = c, State = _host.States.GetValueOrDefault(c.ContainerId), Started = started })],
    };

    public async Task RestoreAsync(bool started = true) =>
        Sandbox = await _host.Handler.RestoreSandboxAsync(RestoreRequest(started), CancellationToken.None);

    public DestroyRequest DestroyRequest(CreateContainerRequest? container = null) => new()
    {
        SandboxId = Id,
        ContainerId = container?.ContainerId,
        PrivateDirectory = container?.PrivateDirectory ?? Request.PrivateDirectory,
        State = _host.States.GetValueOrDefault(container?.ContainerId ?? Id),
    };

    public async Task DestroyAsync()
    {
        foreach (var container in _containers)
        {
            await _host.Handler.DestroyContainerAsync(DestroyRequest(container), CancellationToken.None);
        }

        await _host.Handler.DestroySandboxAsync(DestroyRequest(), CancellationToken.None);
        MountTable.UnmountBeneath(_folder);
    }

    private void PinNamespaces()
    {
        foreach (var type in (string[])["network", "ipc", "uts"])
        {
            _namespaces[type] = Path.Combine(_folder, type);
            File.WriteAllText(_namespaces[type], "");
        }

        Namespaces.Create(new()
        {
            Network = _namespaces["network"],
            Ipc = _namespaces["ipc"],
            Uts = _namespaces["uts"],
            Hostname = "contract",
        });
    }

    private void WriteBundle(string folder, string cgroup, string[] arguments, JsonObject resources)
    {
        var namespaces = new Dictionary<string, string>(_namespaces) { ["mount"] = "" };
        namespaces.TryAdd("pid", "");
        Bundle.Write(folder, _host.Rootfs, _host.Check.OciVersion, cgroup, arguments, namespaces, resources);
    }
}
