using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Tests.Support;

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
        var cgroup = TestCgroups.Pod(host.CgroupRoot, Id[..8]);
        Cgroup = new() { Path = cgroup, OverheadPath = $"{cgroup}/overhead" };
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
            NamespacePaths = new Dictionary<string, string>(_namespaces),
        };
        WriteBundle(Request.BundlePath, host.SandboxRootfs, TestCgroups.InBundle(Cgroup.Path, $"{Id[..8]}-sandbox"), ["/bin/sh", "-c", "while :; do sleep 3600; done"], [], null);
    }

    public string Id { get; }

    public PodCgroup Cgroup { get; }

    public PrepareSandboxRequest Request { get; }

    public PodNetwork? Network { get; private set; }

    public ISandbox Sandbox { get; private set; } = null!;

    public IReadOnlyList<CreateContainerRequest> Containers => _containers;

    public static string NewId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    /// <summary>
    /// Gives the pod's namespace an interface as CNI would, for handlers that do something with it; its other end is in the same namespace.
    /// Before the start.
    /// </summary>
    /// <returns>The namespace's interfaces.</returns>
    public async Task<IReadOnlyList<string>> AddInterfaceAsync()
    {
        if (!_namespaces.TryGetValue("network", out var path) || Executable.Find("ip") is null)
        {
            return [];
        }

        const string Mac = "02:00:0a:58:00:02", Address = "10.88.0.2/24";
        foreach (var arguments in (string[])[$"link add eth0 address {Mac} type veth peer name peer0", $"addr add {Address} dev eth0", "link set eth0 up", "link set peer0 up"])
        {
            var result = await CommandRunner.RunAsync(new() { Path = "ip", Arguments = arguments.Split(' '), NetworkNamespace = path }, null, 64 * 1024, CancellationToken.None);
            Assert.True(result.ExitCode == 0, $"ip {arguments}: {result.Error}");
        }

        Network = new() { NamespacePath = path, Interfaces = [new("eth0", Mac, 1500, [Address])] };
        return Links();
    }

    /// <summary>The interfaces of its network namespace.</summary>
    public IReadOnlyList<string> Links() => !_namespaces.TryGetValue("network", out var path)
        ? []
        : [.. LinkUsage.ReadAll([path]).Values.SelectMany(static l => l).Select(static l => l.Name).Order(StringComparer.Ordinal)];

    public async Task StartAsync()
    {
        var prepared = await _host.Handler.PrepareSandboxAsync(Request, CancellationToken.None);
        if (prepared.NetworkNamespacePath is { } path)
        {
            _namespaces["network"] = path;
        }

        Network ??= new() { NamespacePath = _namespaces["network"] };
        Sandbox = await _host.Handler.StartSandboxAsync(new() { Sandbox = Request, Network = Network }, CancellationToken.None);
        await FollowAsync();
    }

    /// <summary>The request for a container whose command is a line of shell, or an array.</summary>
    /// <param name="script">For <c>sh -c</c>.</param>
    /// <param name="resources">Limits, as config.json has them.</param>
    /// <param name="arguments">The command, in place of the script.</param>
    /// <param name="edit">A last word on config.json.</param>
    public async Task<CreateContainerRequest> PlanAsync(string script, JsonObject? resources = null, string[]? arguments = null, Action<JsonObject>? edit = null)
    {
        var id = NewId();
        var folder = FolderOf(id);
        var (rootfs, rootPath) = await _host.Image.ForContainerAsync(_host.Handler, id);
        var request = new CreateContainerRequest
        {
            SandboxId = Id,
            ContainerId = id,
            Name = $"c{_containers.Count}",
            BundlePath = Path.Combine(folder, "bundle"),
            PrivateDirectory = Directory.CreateDirectory(Path.Combine(folder, "private")).FullName,
            Rootfs = rootfs,
            ImageId = _host.Image.Id,
            LogPath = Path.Combine(folder, "log"),
            Cgroup = Cgroup,
        };
        WriteBundle(request.BundlePath, rootPath, TestCgroups.InBundle(Cgroup.Path, id[..8]), arguments ?? ["/bin/sh", "-c", script], resources ?? [], edit);
        _containers.Add(request);
        return request;
    }

    public Task<IContainer> CreateAsync(CreateContainerRequest request) => Sandbox.CreateContainerAsync(request, CancellationToken.None);

    public async Task<IContainer> RunAsync(CreateContainerRequest request)
    {
        var container = await CreateAsync(request);
        await container.Init.StartAsync(CancellationToken.None);
        return container;
    }

    public async Task<IContainer> RunAsync(string script, JsonObject? resources = null) => await RunAsync(await PlanAsync(script, resources));

    /// <summary>What a command in a running container says, and its code.</summary>
    public Task<(int Code, string Output)> ExecAsync(IContainer container, params string[] arguments) =>
        ContractExec.RunAsync(container, name => WriteProcess(name, arguments));

    public string CgroupOf(string containerId) => TestCgroups.Container(Cgroup.Path, containerId[..8]);

    /// <summary>A folder of the container's own, for its bundle and log and what a test puts beside them.</summary>
    public string FolderOf(string containerId) => Path.Combine(_folder, containerId[..8]);

    /// <summary>A folder of the host for a container to mount.</summary>
    public string NewFolder(string name) => Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;

    public string WriteProcess(string name, params string[] arguments) => Bundle.WriteProcess(_folder, name, arguments);

    /// <summary>What the host's records say after a restart.</summary>
    public RestoreSandboxRequest RestoreRequest(bool started = true) => new()
    {
        Start = new() { Sandbox = Request, Network = Network },
        State = _host.States.GetValueOrDefault(Id),
        Containers = [.. _containers.Select(c => new RestoreContainer { Create = c, State = _host.States.GetValueOrDefault(c.ContainerId), Started = started })],
    };

    public async Task RestoreAsync(bool started = true)
    {
        Sandbox = await _host.Handler.RestoreSandboxAsync(RestoreRequest(started), CancellationToken.None);
        await FollowAsync();
    }

    public DestroyRequest DestroyRequest(CreateContainerRequest? container = null) => new()
    {
        SandboxId = Id,
        ContainerId = container?.ContainerId,
        PrivateDirectory = container?.PrivateDirectory ?? Request.PrivateDirectory,
        State = _host.States.GetValueOrDefault(container?.ContainerId ?? Id),
    };

    /// <summary>Removes the containers and forgets them; the pod stays.</summary>
    public async Task DestroyContainersAsync()
    {
        foreach (var container in _containers)
        {
            await _host.Handler.DestroyContainerAsync(DestroyRequest(container), CancellationToken.None);
        }

        _containers.Clear();
    }

    public async Task DestroyAsync()
    {
        foreach (var container in _containers)
        {
            await _host.Handler.DestroyContainerAsync(DestroyRequest(container), CancellationToken.None);
        }

        await _host.Handler.DestroySandboxAsync(DestroyRequest(), CancellationToken.None);
        MountTable.UnmountBeneath(_folder);
    }

    private async Task FollowAsync()
    {
        foreach (var (type, path) in (await Sandbox.InfoAsync(CancellationToken.None)).NamespacePaths)
        {
            _namespaces[type] = path;
        }
    }

    private void PinNamespaces()
    {
        var types = _host.Check.Features.NetworkNamespace == NetworkNamespaceOwner.Host ? (string[])["network", "ipc", "uts"] : ["ipc", "uts"];
        foreach (var type in types)
        {
            _namespaces[type] = Path.Combine(_folder, type);
            File.WriteAllText(_namespaces[type], "");
        }

        Namespaces.Create(new()
        {
            Network = _namespaces.GetValueOrDefault("network"),
            Ipc = _namespaces["ipc"],
            Uts = _namespaces["uts"],
            Hostname = "contract",
        });
    }

    private void WriteBundle(string folder, string rootfs, string cgroup, string[] arguments, JsonObject resources, Action<JsonObject>? edit)
    {
        var namespaces = new Dictionary<string, string>(_namespaces) { ["mount"] = "" };
        namespaces.TryAdd("pid", "");
        Bundle.Write(folder, rootfs, _host.Check.OciVersion, cgroup, arguments, namespaces, resources, edit);
    }
}
