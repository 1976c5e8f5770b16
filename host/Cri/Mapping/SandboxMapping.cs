using System.Text.RegularExpressions;
using Berth.Sandboxes;

namespace Berth.Cri.Mapping;

/// <summary>Pod sandboxes: the request into a spec, the record into answers.</summary>
internal static partial class SandboxMapping
{
    private const int MaxSysctls = 256;

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
            Dns = DnsMapping.ToDomain(given.DnsConfig, "config.dns_config"),
            PortMappings = PortMappingMapping.ToDomain(given.PortMappings, "config.port_mappings"),
            Labels = Tags.Labels(given.Labels, "config.labels"),
            Annotations = Tags.Annotations(given.Annotations, "config.annotations"),
        };
        return given.Windows is null ? WithLinux(spec, given.Linux) : throw Field.Wrong("config.windows", "is given, but this is a Linux node; leave it out");
    }

    /// <summary>
    /// Refuses a container that is meant for another pod. A kubelet sends the pod's configuration along with each container; all of it
    /// that counts was taken when the sandbox was made.
    /// </summary>
    public static void CheckSame(Protos.PodSandboxConfig? config, Sandbox sandbox)
    {
        if (config?.Metadata is not { } given)
        {
            return;
        }

        var own = sandbox.Spec;
        (string Field, string Given, string Own)[] texts = [("uid", given.Uid, own.Uid), ("namespace", given.Namespace, own.Namespace), ("name", given.Name, own.Name)];
        foreach (var (field, text, expected) in texts)
        {
            if (text.Length > 0 && text != expected)
            {
                throw Field.Wrong($"sandbox_config.metadata.{field}", $"is {Field.Show(text)}, but that of pod sandbox {sandbox.Id} is {Field.Show(expected)}");
            }
        }

        if (given.Uid.Length > 0 && given.Attempt != own.Attempt)
        {
            throw Field.Wrong("sandbox_config.metadata.attempt", $"is {given.Attempt}, but pod sandbox {sandbox.Id} is attempt {own.Attempt}");
        }
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
        PodSecurityMapping.Check(security, Security);
        var namespaces = NamespaceMapping.ToDomain(security.NamespaceOptions, $"{Security}.namespace_options");
        return spec with
        {
            CgroupParent = Field.OptionalPath(linux.CgroupParent, "config.linux.cgroup_parent"),
            Sysctls = Field.Bounded(linux.Sysctls, MaxSysctls, "config.linux.sysctls").ToDictionary(),
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
            : throw Field.Wrong("config.hostname", $"is {Field.Show(hostname)}; it must be at most 64 characters: labels with dots between them, each of letters, digits and dashes, beginning and ending with a letter or digit");

    public static Protos.PodSandboxMetadata Metadata(PodSandboxSpec spec) =>
        new() { Name = spec.Name, Namespace = spec.Namespace, Uid = spec.Uid, Attempt = spec.Attempt };

    private static Protos.PodSandboxNetworkStatus Network(IReadOnlyList<string> ips) => new()
    {
        Ip = ips.Count > 0 ? ips[0] : "",
        AdditionalIps = { ips.Skip(1).Select(static ip => new Protos.PodIP { Ip = ip }) },
    };

    // A name or an FQDN as RFC 1123 has them. 64: HOST_NAME_MAX of sethostname(2); a kubelet refuses a longer FQDN by itself.
    [GeneratedRegex(@"\A(?=.{1,64}\z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\z")]
    private static partial Regex HostnamePattern();
}
