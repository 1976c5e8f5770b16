using Berth.Cri.Protos;
using static Grpc.Core.StatusCode;

namespace Berth.Tests.Integration.BadInput;

internal static partial class BadCalls
{
    private static IEnumerable<BadCall> RunPodSandbox(BadInputScene scene)
    {
        static BadCall Pod(string why, Action<PodSandboxConfig> change, params string[] says) =>
            new(why, BadInputScene.Run(change), InvalidArgument, says);
        static PortMapping Port(int port, string ip = "") => new() { ContainerPort = 80, HostPort = port, HostIp = ip };

        yield return new("no configuration", new RunPodSandboxRequest(), InvalidArgument, "config is missing");
        yield return new("an unknown handler", new RunPodSandboxRequest { Config = BadInputScene.Run().Config, RuntimeHandler = "zeppelin" }, InvalidArgument, "zeppelin", "runc");
        yield return Pod("no metadata", static c => c.Metadata = null, "config.metadata");
        yield return Pod("no name", static c => c.Metadata.Name = "", "config.metadata.name");
        yield return Pod("no namespace", static c => c.Metadata.Namespace = "", "config.metadata.namespace");
        yield return Pod("no uid", static c => c.Metadata.Uid = "", "config.metadata.uid");
        yield return Pod("a name with a path", static c => c.Metadata.Name = "../up", "config.metadata.name", "../up");
        yield return Pod("a name too long", static c => c.Metadata.Name = new string('n', 300), "config.metadata.name", "253");
        yield return Pod("a host name too long", static c => c.Hostname = new string('h', 65), "config.hostname", "64");
        yield return Pod("a host name of two lines", static c => c.Hostname = "a\n127.0.0.1 evil", "config.hostname");
        yield return Pod("a host name with an empty label", static c => c.Hostname = "a..b", "config.hostname", "label");
        yield return Pod("a host name with a dash at its end", static c => c.Hostname = "a-", "config.hostname");
        yield return Pod("a relative log folder", static c => c.LogDirectory = "logs", "config.log_directory", "absolute");
        yield return Pod("a log folder that climbs", static c => c.LogDirectory = "/var/log/../../etc", "config.log_directory");
        yield return Pod("a DNS server by name", static c => c.DnsConfig = new() { Servers = { "dns.example" } }, "config.dns_config.servers", "dns.example", "IP address");
        yield return Pod("a DNS search of two words", static c => c.DnsConfig = new() { Searches = { "a b" } }, "config.dns_config.searches");
        yield return Pod("too many DNS options", static c => c.DnsConfig = new() { Options = { Enumerable.Repeat("debug", 1000) } }, "config.dns_config.options", "1000");
        yield return Pod("no port of the container", static c => c.PortMappings.Add(new PortMapping { HostPort = 80 }), "config.port_mappings[0].container_port");
        yield return Pod("no such port", static c => c.PortMappings.Add(Port(70_000)), "config.port_mappings[0].host_port", "70000");
        yield return Pod("an address by name", static c => c.PortMappings.Add(Port(80, "here")), "config.port_mappings[0].host_ip", "here");
        yield return Pod("an unknown protocol", static c => c.PortMappings.Add(new PortMapping { ContainerPort = 80, Protocol = (Protocol)9 }), "config.port_mappings[0].protocol", "9");
        yield return Pod("a port twice", static c => c.PortMappings.Add([Port(8080), Port(8080)]), "config.port_mappings[1].host_port", "8080/tcp", "twice");
        yield return Pod("a label without a key", static c => c.Labels[""] = "x", "config.labels");
        yield return Pod("a label too large", static c => c.Labels["a"] = new string('x', 5000), "config.labels", "4096");
        yield return Pod("annotations too large", static c => c.Annotations["a"] = new string('x', 600_000), "config.annotations");
        yield return Pod("for Windows", static c => c.Windows = new(), "config.windows", "Linux");
        yield return Pod("a cgroup that climbs", static c => c.Linux.CgroupParent = "/kubepods/../..", "config.linux.cgroup_parent");
        yield return Pod("a sysctl of the node", static c => c.Linux.Sysctls["kernel.panic"] = "1", "kernel.panic", "allowed are");
        yield return Pod("a sysctl that is no name", static c => c.Linux.Sysctls["../../etc/passwd"] = "1", "../../etc/passwd");
        yield return Pod("a sysctl that the kernel does not have", static c => c.Linux.Sysctls["net.ipv4.no_such_thing"] = "1", "net.ipv4.no_such_thing", "leave it out");
        yield return Pod("a sysctl's value that the kernel does not take", static c => c.Linux.Sysctls["net.ipv4.ip_local_port_range"] = "9 8", "net.ipv4.ip_local_port_range", "range");
        yield return Pod("a sysctl's value of two lines", static c => c.Linux.Sysctls["net.ipv4.ip_forward"] = "1\n0", "net.ipv4.ip_forward");
        yield return Pod("a sysctl of the host's network", static c => (c.Linux.Sysctls["net.ipv4.ip_forward"], Namespaces(c).Network) = ("1", NamespaceMode.Node), "net.ipv4.ip_forward", "host");
        yield return Pod("a network of the container's", static c => Namespaces(c).Network = NamespaceMode.Container, "namespace_options.network", "POD or NODE");
        yield return Pod("an unknown mode", static c => Namespaces(c).Ipc = (NamespaceMode)9, "namespace_options.ipc", "9");
        yield return Pod("a target", static c => (Namespaces(c).Pid, Namespaces(c).TargetId) = (NamespaceMode.Target, "x"), "TARGET", "containers only");
        yield return Pod("a user namespace on the host's network", static c => (Namespaces(c).Network, Namespaces(c).UsernsOptions) = (NamespaceMode.Node, Mapped()), "userns_options", "host's network");
        yield return Pod("a user namespace without a range", static c => Namespaces(c).UsernsOptions = new() { Mode = NamespaceMode.Pod }, "userns_options", "uids and gids");
        yield return Pod("a profile without a type for it", static c => c.Linux.SecurityContext.Seccomp = new() { LocalhostRef = "/p.json" }, "seccomp.localhost_ref");
        yield return Pod("a user that is none", static c => c.Linux.SecurityContext.RunAsUser = new() { Value = -1 }, "security_context.run_as_user", "-1");
        yield return Pod("a group without a user", static c => c.Linux.SecurityContext.RunAsGroup = new() { Value = 1 }, "security_context.run_as_group", "run_as_user");
        yield return Pod("groups that are none", static c => c.Linux.SecurityContext.SupplementalGroups.Add(-1), "security_context.supplemental_groups", "-1");
        yield return Pod("an unknown policy", static c => c.Linux.SecurityContext.SupplementalGroupsPolicy = (SupplementalGroupsPolicy)9, "supplemental_groups_policy", "9");
        yield return Pod("an AppArmor profile without its name", static c => c.Linux.SecurityContext.Apparmor = new() { ProfileType = SecurityProfile.Types.ProfileType.Localhost }, "security_context.apparmor.localhost_ref");
        yield return Pod("a label of two parts", static c => c.Linux.SecurityContext.SelinuxOptions = new() { Role = "a:b" }, "selinux_options.role", "a:b");
        yield return new("the same attempt in another way", BadInputScene.Again(scene.Pod.Config, static c => c.Hostname = "another"), AlreadyExists, scene.Pod.Id, "another configuration");
        yield return new("the same attempt on another handler", BadInputScene.Again(scene.Pod.Config, static _ => { }, "crun"), AlreadyExists, scene.Pod.Id, "crun");
        yield return Pod("a negative share", static c => c.Linux.Overhead = new() { CpuShares = -1 }, "config.linux.overhead.cpu_shares", "-1");
        yield return Pod("a cgroup file that climbs", static c => c.Linux.Resources = new() { Unified = { ["../memory.max"] = "1" } }, "config.linux.resources.unified");
    }

    private static IEnumerable<BadCall> UpdatePodSandboxResources(BadInputScene scene)
    {
        static UpdatePodSandboxResourcesRequest Update(string id, LinuxContainerResources? resources = null) => new() { PodSandboxId = id, Resources = resources ?? new() };
        return
        [
            .. PodId(scene, static id => Update(id)),
            new("nothing to update", new UpdatePodSandboxResourcesRequest { PodSandboxId = scene.Pod.Id }, InvalidArgument, "resources", "overhead"),
            new("a negative limit", Update(scene.Pod.Id, new() { MemoryLimitInBytes = -5 }), InvalidArgument, "resources.memory_limit_in_bytes", "-5"),
            new("stopped", Update(scene.Stopped.Id), FailedPrecondition, scene.Stopped.Id, "not ready"),
        ];
    }

    private static NamespaceOption Namespaces(PodSandboxConfig config) => config.Linux.SecurityContext.NamespaceOptions;

    private static UserNamespace Mapped()
    {
        var range = new IDMapping { HostId = 100_000, Length = 65_536 };
        return new() { Mode = NamespaceMode.Pod, Uids = { range }, Gids = { range } };
    }
}
