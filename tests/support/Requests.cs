using Berth.Cri.Protos;

namespace Berth.Tests.Support;

/// <summary>CRI messages as a kubelet fills them.</summary>
public static class Requests
{
    /// <summary>The parent of the tests' cgroups; a kubelet would make and remove it.</summary>
    public static string Cgroups { get; } = TestCgroups.Root("berth-tests");

    /// <summary>A pod of its own uid, without a log folder yet.</summary>
    /// <param name="name">Its name and host name.</param>
    /// <param name="cgroups">The parent of its cgroup.</param>
    public static PodSandboxConfig Pod(string name = "pod", string? cgroups = null)
    {
        var uid = Guid.NewGuid().ToString();
        return new()
        {
            Metadata = new() { Name = name, Namespace = "tests", Uid = uid },
            Hostname = name,
            DnsConfig = new() { Servers = { "192.0.2.53" }, Searches = { "tests.example" }, Options = { "ndots:2" } },
            Labels = { ["io.kubernetes.pod.name"] = name, ["io.kubernetes.pod.namespace"] = "tests", ["io.kubernetes.pod.uid"] = uid },
            Linux = new() { CgroupParent = TestCgroups.Pod(cgroups ?? Cgroups, "pod" + uid), SecurityContext = new() { NamespaceOptions = Namespaces() } },
        };
    }

    /// <summary>A container of the sample image.</summary>
    public static ContainerConfig Container(string name, params string[] command) => new()
    {
        Metadata = new() { Name = name },
        Image = new() { Image = Cli.Up.SampleImage.Name },
        Command = { command },
        LogPath = name + ".log",
        Labels = { ["io.kubernetes.container.name"] = name },
        Linux = new() { Resources = new(), SecurityContext = new() { NamespaceOptions = Namespaces(), Capabilities = new() } },
    };

    /// <summary>A container that runs a shell's script.</summary>
    public static ContainerConfig Script(string name, string script) => Container(name, "/bin/sh", "-c", script);

    /// <summary>A container that stays until it is stopped, and stops at once.</summary>
    public static ContainerConfig Idle(string name = "idle") => Script(name, "trap 'exit 0' TERM; while :; do sleep 3600 & wait; done");

    /// <summary>The container, with the network and IPC namespaces of its pod, as a kubelet sends them for both.</summary>
    public static ContainerConfig In(PodSandboxConfig pod, ContainerConfig container)
    {
        if (container.Linux?.SecurityContext?.NamespaceOptions is { } own && pod.Linux?.SecurityContext?.NamespaceOptions is { } pods)
        {
            (own.Network, own.Ipc) = (pods.Network, pods.Ipc);
        }

        return container;
    }

    // CONTAINER is what a kubelet sends for pods that do not share their processes.
    private static NamespaceOption Namespaces() => new() { Network = NamespaceMode.Pod, Pid = NamespaceMode.Container, Ipc = NamespaceMode.Pod };
}
