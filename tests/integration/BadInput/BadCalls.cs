using Berth.Cri.Protos;
using Berth.Tests.Support;
using Google.Protobuf;
using static Grpc.Core.StatusCode;

namespace Berth.Tests.Integration.BadInput;

/// <summary>
/// For each RPC of the API what can be wrong with its request. What holds for all of them (a message cut short, too large, texts that
/// are no UTF-8 or have a NUL) is not listed here: <see cref="EveryRpcTests"/> makes those calls from the API's own description.
/// </summary>
internal static partial class BadCalls
{
    private static readonly Dictionary<string, Func<BadInputScene, IEnumerable<BadCall>>> Table = new()
    {
        // These take nothing, or nothing that could be wrong but a text.
        ["Version"] = static _ => [],
        ["Status"] = static _ => [],
        ["RuntimeConfig"] = static _ => [],
        ["ImageFsInfo"] = static _ => [],
        ["GetContainerEvents"] = static _ => [],
        ["ListMetricDescriptors"] = static _ => [],
        ["ListPodSandboxMetrics"] = static _ => [],
        ["StreamPodSandboxMetrics"] = static _ => [],

        ["RunPodSandbox"] = RunPodSandbox,
        ["StopPodSandbox"] = static s => PodId(s, static id => new StopPodSandboxRequest { PodSandboxId = id }, unknownIsFine: true),
        ["RemovePodSandbox"] = static s => PodId(s, static id => new RemovePodSandboxRequest { PodSandboxId = id }, unknownIsFine: true),
        ["PodSandboxStatus"] = static s => PodId(s, static id => new PodSandboxStatusRequest { PodSandboxId = id }),
        ["PodSandboxStats"] = static s => PodId(s, static id => new PodSandboxStatsRequest { PodSandboxId = id }),
        ["UpdatePodSandboxResources"] = UpdatePodSandboxResources,

        ["CreateContainer"] = CreateContainer,
        ["StartContainer"] = static s =>
        [
            .. ContainerId(s, static id => new StartContainerRequest { ContainerId = id }),
            new("started already", new StartContainerRequest { ContainerId = s.Running }, FailedPrecondition, s.Running, "Running", "created"),
            new("ended", new StartContainerRequest { ContainerId = s.Exited }, FailedPrecondition, s.Exited, "Exited"),
        ],
        ["StopContainer"] = static s =>
        [
            .. ContainerId(s, static id => new StopContainerRequest { ContainerId = id }, unknownIsFine: true),
            new("negative time", new StopContainerRequest { ContainerId = s.Running, Timeout = -1 }, InvalidArgument, "timeout", "-1"),
        ],
        ["RemoveContainer"] = static s => ContainerId(s, static id => new RemoveContainerRequest { ContainerId = id }, unknownIsFine: true),
        ["ContainerStatus"] = static s => ContainerId(s, static id => new ContainerStatusRequest { ContainerId = id }),
        ["ContainerStats"] = static s => ContainerId(s, static id => new ContainerStatsRequest { ContainerId = id }),
        ["UpdateContainerResources"] = UpdateContainerResources,
        ["ReopenContainerLog"] = static s =>
        [
            .. ContainerId(s, static id => new ReopenContainerLogRequest { ContainerId = id }),
            new("ended", new ReopenContainerLogRequest { ContainerId = s.Exited }, FailedPrecondition, s.Exited, "running"),
        ],

        ["ExecSync"] = static s =>
        [
            .. ContainerId(s, static id => new ExecSyncRequest { ContainerId = id, Cmd = { "true" } }),
            .. Commands(s, static (id, command) => new ExecSyncRequest { ContainerId = id, Cmd = { command } }),
            new("negative time", new ExecSyncRequest { ContainerId = s.Running, Cmd = { "true" }, Timeout = -1 }, InvalidArgument, "timeout", "-1"),
        ],
        ["Exec"] = static s =>
        [
            .. ContainerId(s, static id => new ExecRequest { ContainerId = id, Cmd = { "true" }, Stdout = true }),
            .. Commands(s, static (id, command) => new ExecRequest { ContainerId = id, Cmd = { command }, Stdout = true }),
            new("no stream", new ExecRequest { ContainerId = s.Running, Cmd = { "true" } }, InvalidArgument, "stdin, stdout and stderr"),
            new("two outputs of a terminal", new ExecRequest { ContainerId = s.Running, Cmd = { "true" }, Tty = true, Stdout = true, Stderr = true }, InvalidArgument, "stderr", "tty"),
        ],
        ["Attach"] = static s =>
        [
            .. ContainerId(s, static id => new AttachRequest { ContainerId = id, Stdout = true }),
            new("no stream", new AttachRequest { ContainerId = s.Running }, InvalidArgument, "stdin, stdout and stderr"),
            new("two outputs of a terminal", new AttachRequest { ContainerId = s.Running, Tty = true, Stdout = true, Stderr = true }, InvalidArgument, "stderr", "tty"),
            new("a terminal that it does not have", new AttachRequest { ContainerId = s.Running, Tty = true, Stdout = true }, InvalidArgument, s.Running, "tty must be false"),
            new("an input that it does not have", new AttachRequest { ContainerId = s.Running, Stdin = true, Stdout = true }, InvalidArgument, s.Running, "stdin must be false"),
            new("ended", new AttachRequest { ContainerId = s.Exited, Stdout = true }, FailedPrecondition, s.Exited, "not running"),
        ],
        ["PortForward"] = static s =>
        [
            .. PodId(s, static id => new PortForwardRequest { PodSandboxId = id, Port = { 80 } }),
            new("a port that is none", new PortForwardRequest { PodSandboxId = s.Pod.Id, Port = { 80, 65536 } }, InvalidArgument, "port[1]", "65536"),
            new("too many ports", new PortForwardRequest { PodSandboxId = s.Pod.Id, Port = { Enumerable.Range(1, 1000) } }, InvalidArgument, "port", "1000"),
            new("stopped", new PortForwardRequest { PodSandboxId = s.Stopped.Id, Port = { 80 } }, FailedPrecondition, s.Stopped.Id, "not ready"),
        ],

        ["ListPodSandbox"] = static _ =>
        [
            new("unknown state", new ListPodSandboxRequest { Filter = new() { State = new() { State = (PodSandboxState)7 } } }, InvalidArgument, "filter.state", "7"),
            .. Selectors(static l => new ListPodSandboxRequest { Filter = new() { LabelSelector = { l } } }),
        ],
        ["StreamPodSandboxes"] = static _ =>
        [
            new("unknown state", new StreamPodSandboxesRequest { Filter = new() { State = new() { State = (PodSandboxState)7 } } }, InvalidArgument, "filter.state", "7"),
            .. Selectors(static l => new StreamPodSandboxesRequest { Filter = new() { LabelSelector = { l } } }),
        ],
        ["ListContainers"] = static _ =>
        [
            new("unknown state", new ListContainersRequest { Filter = new() { State = new() { State = (ContainerState)7 } } }, InvalidArgument, "filter.state", "7"),
            .. Selectors(static l => new ListContainersRequest { Filter = new() { LabelSelector = { l } } }),
        ],
        ["StreamContainers"] = static _ =>
        [
            new("unknown state", new StreamContainersRequest { Filter = new() { State = new() { State = (ContainerState)7 } } }, InvalidArgument, "filter.state", "7"),
            .. Selectors(static l => new StreamContainersRequest { Filter = new() { LabelSelector = { l } } }),
        ],
        ["ListContainerStats"] = static _ => Selectors(static l => new ListContainerStatsRequest { Filter = new() { LabelSelector = { l } } }),
        ["StreamContainerStats"] = static _ => Selectors(static l => new StreamContainerStatsRequest { Filter = new() { LabelSelector = { l } } }),
        ["ListPodSandboxStats"] = static _ => Selectors(static l => new ListPodSandboxStatsRequest { Filter = new() { LabelSelector = { l } } }),
        ["StreamPodSandboxStats"] = static _ => Selectors(static l => new StreamPodSandboxStatsRequest { Filter = new() { LabelSelector = { l } } }),
        ["ListImages"] = static _ => [],
        ["StreamImages"] = static _ => [],

        ["UpdateRuntimeConfig"] = static _ =>
        [
            new("no range", new UpdateRuntimeConfigRequest { RuntimeConfig = new() { NetworkConfig = new() { PodCidr = "10.0.0.1" } } }, InvalidArgument, "pod_cidr", "10.0.0.1", "/24"),
            new("a second that is none", new UpdateRuntimeConfigRequest { RuntimeConfig = new() { NetworkConfig = new() { PodCidr = "10.0.0.0/24,fd00::/129" } } }, InvalidArgument, "pod_cidr"),
        ],

        ["CheckpointContainer"] = static s => ContainerId(s, static id => new CheckpointContainerRequest { ContainerId = id, Location = "/no/such/folder/a.tar" }).Concat(
        [
            new("no location", new CheckpointContainerRequest { ContainerId = s.Running }, InvalidArgument, "location", "empty"),
            new("a relative location", new CheckpointContainerRequest { ContainerId = s.Running, Location = "a.tar" }, InvalidArgument, "location", "a.tar"),
            new("a negative timeout", new CheckpointContainerRequest { ContainerId = s.Running, Location = "/no/such/a.tar", Timeout = -1 }, InvalidArgument, "timeout", "-1"),
        ]),
        ["CheckpointPod"] = static s => PodId(s, static id => new CheckpointPodRequest { PodSandboxId = id, OutputPath = "/no/such/folder/a.tar" }).Concat(
        [
            new("no path", new CheckpointPodRequest { PodSandboxId = s.Pod.Id }, InvalidArgument, "output_path", "empty"),
            new("an unknown option", new CheckpointPodRequest { PodSandboxId = s.Pod.Id, OutputPath = "/no/such/a", Options = { ["x"] = "y" } }, InvalidArgument, "options", "x"),
            new("an unknown container", new CheckpointPodRequest { PodSandboxId = s.Pod.Id, OutputPath = "/no/such/a", ContainerIds = { BadInputScene.Unknown } }, NotFound, "container_ids[0]", BadInputScene.Unknown),
        ]),
        ["RestorePod"] = static s =>
        [
            new("nothing", new RestorePodRequest(), InvalidArgument, "checkpoint_path", "empty"),
            new("no containers", new RestorePodRequest { CheckpointPath = "/no/such", Config = Requests.Pod() }, InvalidArgument, "container_configs", "empty"),
            new("one container twice", new RestorePodRequest { CheckpointPath = "/no/such", Config = Requests.Pod(), ContainerConfigs = { Requests.Idle(), Requests.Idle() } }, InvalidArgument, "container_configs", "twice"),
            new("an unknown option", new RestorePodRequest { CheckpointPath = "/no/such", Config = Requests.Pod(), Options = { ["x"] = "y" } }, InvalidArgument, "options", "x"),
            new("a folder that is not believed", new RestorePodRequest { CheckpointPath = "/no/such", Config = Requests.Pod(), ContainerConfigs = { Requests.Idle() } }, FailedPrecondition, "/no/such", "checkpoints.restoreFrom"),
        ],

        ["ImageStatus"] = static s => Image(s, static spec => new ImageStatusRequest { Image = spec }),
        ["RemoveImage"] = static s => Image(s, static spec => new RemoveImageRequest { Image = spec }),
        ["PullImage"] = PullImage,
    };

    /// <summary>The RPCs that have their place here.</summary>
    public static IReadOnlyCollection<string> Rpcs => Table.Keys;

    /// <summary>The wrong calls of an RPC.</summary>
    public static IEnumerable<BadCall> Of(string rpc, BadInputScene scene) => Table[rpc](scene);

    private static IEnumerable<BadCall> PodId(BadInputScene scene, Func<string, IMessage> request, bool unknownIsFine = false) =>
        Id("pod_sandbox_id", "sandboxes", scene.PodPrefix, request, unknownIsFine);

    private static IEnumerable<BadCall> ContainerId(BadInputScene scene, Func<string, IMessage> request, bool unknownIsFine = false) =>
        Id("container_id", "containers", scene.ContainerPrefix, request, unknownIsFine);

    private static IEnumerable<BadCall> Id(string field, string what, string prefix, Func<string, IMessage> request, bool unknownIsFine)
    {
        yield return new("no id", request(""), InvalidArgument, field, "empty");
        yield return new("an ambiguous id", request(prefix), InvalidArgument, prefix, what, "more digits");
        if (!unknownIsFine)
        {
            yield return new("an unknown id", request(BadInputScene.Unknown), NotFound, BadInputScene.Unknown, "does not exist");
            yield return new("an id that is none", request(new string('x', 100_000)), NotFound, "xxx", "does not exist");
        }
    }

    private static IEnumerable<BadCall> Selectors(Func<IDictionary<string, string>, IMessage> request) =>
    [
        new("a label without a key", request(new Dictionary<string, string> { [""] = "x" }), InvalidArgument, "filter.label_selector"),
        new("a label of two lines", request(new Dictionary<string, string> { ["a"] = "b\nc" }), InvalidArgument, "filter.label_selector"),
        new("a label too large", request(new Dictionary<string, string> { ["a"] = new string('x', 5000) }), InvalidArgument, "filter.label_selector", "4096"),
    ];

    private static IEnumerable<BadCall> Commands(BadInputScene scene, Func<string, string[], IMessage> request) =>
    [
        new("no command", request(scene.Running, []), InvalidArgument, "cmd", "empty"),
        new("an empty command", request(scene.Running, ["", "a"]), InvalidArgument, "cmd", "empty"),
        new("one word too long", request(scene.Running, ["true", new string('a', 200_000)]), InvalidArgument, "131072"),
        new("too much of it", request(scene.Running, ["true", .. Enumerable.Repeat(new string('a', 100_000), 30)]), InvalidArgument, "2097152"),
        new("ended", request(scene.Exited, ["true"]), FailedPrecondition, scene.Exited, "not running"),
    ];
}
