using Berth.Abstractions;
using Berth.Containers;
using Berth.Sandboxes;
using CreateContainerRequest = Berth.Abstractions.CreateContainerRequest;

namespace Berth.Tests.Unit.Cri;

/// <summary>Records as the domain would have them.</summary>
internal static class Records
{
    public static readonly DateTimeOffset Created = new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);

    public static Sandbox Sandbox(string id = "0a1b", SandboxPhase phase = SandboxPhase.Ready) => new()
    {
        Id = id,
        Spec = new() { Name = "web", Namespace = "shop", Uid = "u-1", Attempt = 2, Labels = new Dictionary<string, string> { ["app"] = "web", ["tier"] = "front" } },
        Phase = phase,
        CreatedAt = Created,
        Handler = "crun",
        HandlerReason = "the default",
        Cgroup = new() { Path = "/kubepods/pod1", OverheadPath = "/kubepods/pod1/overhead" },
    };

    public static Container Container(string id = "c0de", ContainerPhase phase = ContainerPhase.Created) => new()
    {
        Id = id,
        SandboxId = "0a1b",
        Spec = new() { Name = "nginx", Attempt = 1, Image = "sha256:77", UserSpecifiedImage = "nginx:1.27", Labels = new Dictionary<string, string> { ["app"] = "web" } },
        Phase = phase,
        CreatedAt = Created,
        StartedAt = phase is ContainerPhase.Running or ContainerPhase.Exited ? Created.AddSeconds(1) : null,
        FinishedAt = phase == ContainerPhase.Exited ? Created.AddSeconds(2) : null,
        ExitCode = phase == ContainerPhase.Exited ? 137 : 0,
        Reason = phase == ContainerPhase.Exited ? "OOMKilled" : "",
        ImageId = "sha256:77",
        ImageRef = "docker.io/library/nginx@sha256:99",
    };

    public static CreateContainerRequest Request() => new()
    {
        SandboxId = "0a1b",
        ContainerId = "c0de",
        Name = "nginx",
        BundlePath = "/run/berth/containers/c0de",
        PrivateDirectory = "/run/berth/private/c0de",
        Rootfs = new() { Form = RootfsForm.Mounted, Path = "/run/berth/containers/c0de/rootfs" },
        ImageId = "sha256:77",
        Cgroup = new() { Path = "/kubepods/pod1", OverheadPath = "/kubepods/pod1/overhead" },
    };
}
