using System.Net;
using System.Text.RegularExpressions;
using Berth.Sandboxes;
using Google.Protobuf.Collections;

namespace Berth.Cri.Mapping;

/// <summary>Pod sandboxes: the request into a spec, the record into answers.</summary>
internal static partial class SandboxMapping
{
    /// <summary>The spec that a RunPodSandbox asks for. What a field means for the machine is checked where it is used.</summary>
    public static PodSandboxSpec ToSpec(Protos.PodSandboxConfig? config)
    {
        var given = Field.Required(config, "config");
        var metadata = Field.Required(given.Metadata, "config.metadata");
        var spec = new PodSandboxSpec
        {
            Name = Field.Name(metadata.Name, "config.metadata.name"),
            Namespace = Field.Name(metadata.Namespace, "config.metadata.namespace"),
            Uid = Field.Name(metadata.Uid, "config.metadata.uid"),
            Attempt = metadata.Attempt,
            Hostname = Hostname(given.Hostname),
            LogDirectory = Field.OptionalAbsolutePath(given.LogDirectory, "config.log_directory"),
            Dns = Dns(given.DnsConfig),
            PortMappings = [.. given.PortMappings.Select(static (port, index) => Port(port, $"config.port_mappings[{index}]"))],
            Labels = Tags.Labels(given.Labels, "config.labels"),
            Annotations = Tags.Annotations(given.Annotations, "config.annotations"),
        };
        return given.Windows is null ? WithLinux(spec, given.Linux) : throw Field.Wrong("config.windows", "is given, but this is a Linux node; leave it out");
    }

    public static Protos.PodSandbox ToListItem(Sandbox sandbox) => new()
    {
        Id = sandbox.Id,
        Metadata = Metadata(sandbox.Spec),
        State = State(sandbox),
        CreatedAt = UnixNanoseconds.Of(sandbox.CreatedAt),
        Labels = { sandbox.Spec.Labels.ToDictionary() },
        Annotations = { sandbox.Spec.Annotations.ToDictionary() },
        RuntimeHandler = sandbox.Handler,
    };

    public static Protos.PodSandboxStatus ToStatus(Sandbox sandbox) => new()
    {
        Id = sandbox.Id,
        Metadata = Metadata(sandbox.Spec),
        State = State(sandbox),
        CreatedAt = UnixNanoseconds.Of(sandbox.CreatedAt),
        Network = Network(sandbox.Ips),
        Linux = new() { Namespaces = new() { Options = NamespaceMapping.ToProto(sandbox.Spec.Namespaces) } },
        Labels = { sandbox.Spec.Labels.ToDictionary() },
        Annotations = { sandbox.Spec.Annotations.ToDictionary() },
        RuntimeHandler = sandbox.Handler,
    };

    public static Protos.PodSandboxState State(Sandbox sandbox) =>
        sandbox.Phase == SandboxPhase.Ready ? Protos.PodSandboxState.SandboxReady : Protos.PodSandboxState.SandboxNotready;

    // There is no process in a sandbox of its own, so its user, groups and AppArmor profile have no object.
    private static PodSandboxSpec WithLinux(PodSandboxSpec spec, Protos.LinuxPodSandboxConfig? linux)
    {
        if (linux is null)
        {
            return spec;
        }

        const string Security = "config.linux.security_context";
        var security = linux.SecurityContext ?? new();
#pragma warning disable CS0612 // the older form of the profile, which clients still send
        var olderSeccomp = security.SeccompProfilePath;
#pragma warning restore CS0612
        var namespaces = NamespaceMapping.ToDomain(security.NamespaceOptions, $"{Security}.namespace_options");
        return spec with
        {
            CgroupParent = Field.OptionalPath(linux.CgroupParent, "config.linux.cgroup_parent"),
            Sysctls = new Dictionary<string, string>(linux.Sysctls),
            Namespaces = namespaces.TargetId.Length == 0
                ? namespaces : throw Field.Wrong($"{Security}.namespace_options.pid", "is TARGET, which is for containers only"),
            Privileged = security.Privileged,
            Seccomp = ProfileMapping.ToDomain(security.Seccomp, olderSeccomp, $"{Security}.seccomp"),
            Overhead = linux.Overhead is { } overhead ? ResourceMapping.ToDomain(overhead, "config.linux.overhead") : null,
            Resources = linux.Resources is { } resources ? ResourceMapping.ToDomain(resources, "config.linux.resources") : null,
        };
    }

    private static string Hostname(string hostname) =>
        hostname.Length == 0 || HostnamePattern().IsMatch(hostname)
            ? hostname
            : throw Field.Wrong("config.hostname", $"is {Field.Show(hostname)}; it must be 1 to 64 letters, digits, dashes and dots, and start with a letter or digit");

    private static DnsSpec? Dns(Protos.DNSConfig? dns) => dns is null
        ? null
        : new(Words(dns.Servers, "config.dns_config.servers"), Words(dns.Searches, "config.dns_config.searches"), Words(dns.Options, "config.dns_config.options"));

    // resolv.conf(5) separates by blanks and lines: a word with either would say something else than the request.
    private static IReadOnlyList<string> Words(RepeatedField<string> words, string field) =>
        words.FirstOrDefault(static word => word.Length == 0 || word.Any(static c => char.IsControl(c) || char.IsWhiteSpace(c))) is { } wrong
            ? throw Field.Wrong(field, $"has the entry {Field.Show(wrong)}; an entry must not be empty, nor contain blanks or control characters")
            : [.. words];

    private static PortMapping Port(Protos.PortMapping port, string field)
    {
        if (port.HostIp.Length > 0 && !IPAddress.TryParse(port.HostIp, out _))
        {
            throw Field.Wrong($"{field}.host_ip", $"is {Field.Show(port.HostIp)}; it must be an IP address, or empty for every address");
        }

        var protocol = port.Protocol switch
        {
            Protos.Protocol.Tcp => "tcp",
            Protos.Protocol.Udp => "udp",
            Protos.Protocol.Sctp => "sctp",
            _ => throw Field.Unknown($"{field}.protocol", (int)port.Protocol),
        };
        return new(
            protocol,
            (int)Field.Within(port.ContainerPort, 1, ushort.MaxValue, $"{field}.container_port"),
            (int)Field.Within(port.HostPort, 0, ushort.MaxValue, $"{field}.host_port"),
            port.HostIp);
    }

    public static Protos.PodSandboxMetadata Metadata(PodSandboxSpec spec) =>
        new() { Name = spec.Name, Namespace = spec.Namespace, Uid = spec.Uid, Attempt = spec.Attempt };

    private static Protos.PodSandboxNetworkStatus Network(IReadOnlyList<string> ips) => new()
    {
        Ip = ips.Count > 0 ? ips[0] : "",
        AdditionalIps = { ips.Skip(1).Select(static ip => new Protos.PodIP { Ip = ip }) },
    };

    // 64: HOST_NAME_MAX of sethostname(2).
    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9.-]{0,63}\z")]
    private static partial Regex HostnamePattern();
}
