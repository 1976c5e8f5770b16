using Berth.Abstractions;
using Berth.Containers;
using Berth.Cri.Mapping;
using Berth.Sandboxes;
using CsCheck;
using Xunit;
using Protos = Berth.Cri.Protos;

namespace Berth.Tests.Unit.Cri;

public sealed class SandboxMappingTests
{
    public static TheoryData<string, Action<Protos.PodSandboxConfig>> BadConfigs => new()
    {
        { "config.metadata", c => c.Metadata = null },
        { "config.metadata.name", c => c.Metadata.Name = "" },
        { "config.metadata.namespace", c => c.Metadata.Namespace = "" },
        { "config.metadata.uid", c => c.Metadata.Uid = "a/../b" },
        { "config.hostname", c => c.Hostname = "a\nevil" },
        { "config.hostname", c => c.Hostname = new string('h', 65) },
        { "config.hostname", c => c.Hostname = "a..b" },
        { "config.hostname", c => c.Hostname = "a.b-" },
        { "config.hostname", c => c.Hostname = "under_score" },
        { "config.dns_config.servers", c => c.DnsConfig = new() { Servers = { "dns.example" } } },
        { "config.port_mappings[1].host_port", c => c.PortMappings.Add([Published(80), Published(80)]) },
        { "config.log_directory", c => c.LogDirectory = "relative" },
        { "config.log_directory", c => c.LogDirectory = "/var/log/../../etc" },
        { "config.dns_config.servers", c => c.DnsConfig = new() { Servers = { "1.1.1.1\nnameserver 6.6.6.6" } } },
        { "config.port_mappings[0].container_port", c => c.PortMappings.Add(new Protos.PortMapping { ContainerPort = 0 }) },
        { "config.port_mappings[0].host_port", c => c.PortMappings.Add(new Protos.PortMapping { ContainerPort = 1, HostPort = 65536 }) },
        { "config.port_mappings[0].host_ip", c => c.PortMappings.Add(new Protos.PortMapping { ContainerPort = 1, HostIp = "me" }) },
        { "config.port_mappings[0].protocol", c => c.PortMappings.Add(new Protos.PortMapping { ContainerPort = 1, Protocol = (Protos.Protocol)9 }) },
        { "config.labels", c => c.Labels.Add("", "x") },
        { "config.labels", c => c.Labels.Add("big", new string('x', 5000)) },
        { "config.annotations", c => c.Annotations.Add("big", new string('x', 600_000)) },
        { "config.windows", c => c.Windows = new() },
        { "config.linux.cgroup_parent", c => c.Linux.CgroupParent = "/kubepods/../.." },
        { "config.linux.security_context.namespace_options.network", c => Namespaces(c).Network = Protos.NamespaceMode.Container },
        { "config.linux.security_context.namespace_options.pid", c => Namespaces(c).Pid = (Protos.NamespaceMode)7 },
        { "config.linux.security_context.namespace_options.target_id", c => Namespaces(c).TargetId = "c1" },
        { "config.linux.security_context.namespace_options.userns_options", c => Namespaces(c).UsernsOptions = new() { Mode = Protos.NamespaceMode.Pod } },
        { "config.linux.security_context.seccomp.localhost_ref", c => c.Linux.SecurityContext.Seccomp = new() { LocalhostRef = "/p.json" } },
        { "config.linux.security_context.run_as_user", c => c.Linux.SecurityContext.RunAsUser = new() { Value = -1 } },
        { "config.linux.security_context.run_as_group", c => (c.Linux.SecurityContext.RunAsUser, c.Linux.SecurityContext.RunAsGroup) = (new(), new() { Value = uint.MaxValue }) },
        { "config.linux.security_context.run_as_group", c => c.Linux.SecurityContext.RunAsGroup = new() { Value = 5 } },
        { "config.linux.security_context.supplemental_groups", c => c.Linux.SecurityContext.SupplementalGroups.Add(-1) },
        { "config.linux.security_context.supplemental_groups", c => c.Linux.SecurityContext.SupplementalGroups.Add(new long[70_000]) },
        { "config.linux.security_context.supplemental_groups_policy", c => c.Linux.SecurityContext.SupplementalGroupsPolicy = (Protos.SupplementalGroupsPolicy)9 },
        { "config.linux.security_context.apparmor.localhost_ref", c => c.Linux.SecurityContext.Apparmor = new() { ProfileType = Protos.SecurityProfile.Types.ProfileType.Localhost } },
        { "config.linux.security_context.selinux_options.type", c => c.Linux.SecurityContext.SelinuxOptions = new() { Type = "a:b" } },
        { "config.linux.security_context.selinux_options.level", c => c.Linux.SecurityContext.SelinuxOptions = new() { Level = "s0 s1" } },
        { "config.linux.overhead.cpu_shares", c => c.Linux.Overhead = new() { CpuShares = -1 } },
        { "a key of config.linux.resources.unified", c => c.Linux.Resources = new() { Unified = { ["../memory.max"] = "1" } } },
    };

    [Fact]
    public void ToSpec_FullConfig_KeepsEveryField()
    {
        var config = Config();
        config.Hostname = "web";
        config.LogDirectory = "/var/log/pods/web";
        config.DnsConfig = new() { Servers = { "10.0.0.10" }, Searches = { "svc.cluster.local" }, Options = { "ndots:5" } };
        config.PortMappings.Add(new Protos.PortMapping { Protocol = Protos.Protocol.Udp, ContainerPort = 53, HostPort = 5353, HostIp = "127.0.0.1" });
        config.Linux.Sysctls["net.ipv4.ip_forward"] = "1";
        Namespaces(config).Pid = Protos.NamespaceMode.Container;
        config.Linux.SecurityContext.Privileged = true;
        config.Linux.SecurityContext.Seccomp = new() { ProfileType = Protos.SecurityProfile.Types.ProfileType.Localhost, LocalhostRef = "/p.json" };

        var spec = SandboxMapping.ToSpec(config);

        Assert.Equal("web_shop_u-1_2", spec.UniqueName);
        Assert.Equal(("web", "/var/log/pods/web", "/kubepods"), (spec.Hostname, spec.LogDirectory, spec.CgroupParent));
        Assert.Equal(["10.0.0.10"], spec.Dns!.Servers);
        Assert.Equal(new PortMapping("udp", 53, 5353, "127.0.0.1"), Assert.Single(spec.PortMappings));
        Assert.Equal("1", spec.Sysctls["net.ipv4.ip_forward"]);
        Assert.Equal((NamespaceMode.Pod, NamespaceMode.Container), (spec.Namespaces.Network, spec.Namespaces.Pid));
        Assert.True(spec.Privileged);
        Assert.Equal(new SecurityProfile(SecurityProfileType.Localhost, "/p.json"), spec.Seccomp);
    }

    [Theory]
    [MemberData(nameof(BadConfigs), DisableDiscoveryEnumeration = true)]
    public void ToSpec_BadField_IsRefusedByName(string field, Action<Protos.PodSandboxConfig> spoil)
    {
        var config = Config();
        spoil(config);

        var refusal = Assert.Throws<RuntimeException>(() => SandboxMapping.ToSpec(config));

        Assert.Equal(RuntimeErrorCode.InvalidArgument, refusal.Code);
        Assert.StartsWith(field + " ", refusal.Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, Protos.PodSandboxMetadata> OtherPods => new()
    {
        { "uid", new() { Name = "web", Namespace = "shop", Uid = "u-2", Attempt = 2 } },
        { "namespace", new() { Name = "web", Namespace = "yard", Uid = "u-1", Attempt = 2 } },
        { "name", new() { Name = "bee", Namespace = "shop", Uid = "u-1", Attempt = 2 } },
        { "attempt", new() { Name = "web", Namespace = "shop", Uid = "u-1", Attempt = 3 } },
    };

    [Theory]
    [MemberData(nameof(OtherPods), DisableDiscoveryEnumeration = true)]
    public void CheckSame_AnotherPod_IsRefusedByName(string field, Protos.PodSandboxMetadata metadata)
    {
        var refusal = Assert.Throws<RuntimeException>(() => SandboxMapping.CheckSame(new() { Metadata = metadata }, Records.Sandbox()));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, refusal.Code);
        Assert.StartsWith($"sandbox_config.metadata.{field} ", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CheckSame_ThePodOrWhatIsLeftOut_IsTaken()
    {
        SandboxMapping.CheckSame(null, Records.Sandbox());
        SandboxMapping.CheckSame(new(), Records.Sandbox());
        SandboxMapping.CheckSame(new() { Metadata = new() { Name = "web" } }, Records.Sandbox());
        SandboxMapping.CheckSame(new() { Metadata = SandboxMapping.Metadata(Records.Sandbox().Spec) }, Records.Sandbox());
    }

    [Fact]
    public void ToSpec_NoConfig_IsRefused() =>
        Assert.Equal("config is missing", Assert.Throws<RuntimeException>(() => SandboxMapping.ToSpec(null)).Message);

    [Fact]
    public void ToSpec_AnyMessage_MapsOrIsRefusedAsInvalid() => RandomMessages.Of<Protos.PodSandboxConfig>().Sample(MapsOrRefuses);

    [Fact]
    public void ToSpec_GoodMessageWithSomeOddFields_MapsOrIsRefusedAsInvalid() => RandomMessages.Around(Config()).Sample(MapsOrRefuses);

    [Theory]
    [InlineData(SandboxPhase.Ready, Protos.PodSandboxState.SandboxReady)]
    [InlineData(SandboxPhase.Stopping, Protos.PodSandboxState.SandboxNotready)]
    [InlineData(SandboxPhase.NotReady, Protos.PodSandboxState.SandboxNotready)]
    public void ToStatus_EveryPhase_HasWhatKubeletsInsistOn(SandboxPhase phase, Protos.PodSandboxState state)
    {
        var status = SandboxMapping.ToStatus(Records.Sandbox(phase: phase) with { Ips = ["10.1.2.3", "fd00::3", "fd00::4"] });

        Assert.Equal(state, status.State);
        Assert.Equal(1772600767_000_000_000, status.CreatedAt);
        Assert.Equal(("0a1b", "web", "shop", "u-1", 2u), (status.Id, status.Metadata.Name, status.Metadata.Namespace, status.Metadata.Uid, status.Metadata.Attempt));
        Assert.Equal("10.1.2.3", status.Network.Ip);
        Assert.Equal(["fd00::3", "fd00::4"], status.Network.AdditionalIps.Select(static ip => ip.Ip));
        Assert.Equal("crun", status.RuntimeHandler);
        Assert.Equal("web", status.Labels["app"]);
    }

    [Fact]
    public void ToStatus_HostNetwork_HasNoAddress()
    {
        var sandbox = Records.Sandbox();
        var status = SandboxMapping.ToStatus(sandbox with { Spec = sandbox.Spec with { Namespaces = new() { Network = NamespaceMode.Node } } });

        Assert.Equal("", status.Network.Ip);
        Assert.Equal(Protos.NamespaceMode.Node, status.Linux.Namespaces.Options.Network);
    }

    [Fact]
    public void ToSpec_LongLabelWithAControlCharacter_IsRefusedInAShortLine()
    {
        var config = Config();
        config.Labels["/" + new string('p', 3000)] = "a\tb";
        var refusal = Assert.Throws<RuntimeException>(() => SandboxMapping.ToSpec(config));

        Assert.Equal(RuntimeErrorCode.InvalidArgument, refusal.Code);
        Assert.InRange(refusal.Message.Length, 1, 300);
    }

    private static void MapsOrRefuses(Protos.PodSandboxConfig config)
    {
        try
        {
            SandboxMapping.ToSpec(config);
        }
        catch (RuntimeException e) when (e.Code == RuntimeErrorCode.InvalidArgument && e.Message.Length < 1000)
        {
            // The only way out.
        }
    }

    private static Protos.PodSandboxConfig Config() => new()
    {
        Metadata = new() { Name = "web", Namespace = "shop", Uid = "u-1", Attempt = 2 },
        Linux = new() { CgroupParent = "/kubepods", SecurityContext = new() { NamespaceOptions = new() } },
    };

    [Theory]
    [InlineData("a")]
    [InlineData("Web-1")]
    [InlineData("0.pod.default.svc.cluster.local")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public void ToSpec_HostnameOrFqdnOf64Characters_IsTaken(string name)
    {
        var config = Config();
        config.Hostname = name;
        Assert.Equal(name, SandboxMapping.ToSpec(config).Hostname);
    }

    [Fact]
    public void ToSpec_OnePortByTwoProtocolsAndAddresses_IsTaken()
    {
        var config = Config();
        config.PortMappings.Add([
            Published(53), Published(53, Protos.Protocol.Udp), Published(53, ip: "127.0.0.1"), Published(0), Published(0)]);
        Assert.Equal(5, SandboxMapping.ToSpec(config).PortMappings.Count);
    }

    private static Protos.PortMapping Published(int port, Protos.Protocol protocol = Protos.Protocol.Tcp, string ip = "") =>
        new() { ContainerPort = 53, HostPort = port, Protocol = protocol, HostIp = ip };

    private static Protos.NamespaceOption Namespaces(Protos.PodSandboxConfig config) => config.Linux.SecurityContext.NamespaceOptions;
}
