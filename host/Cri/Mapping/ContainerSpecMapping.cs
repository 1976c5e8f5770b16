using System.Text;
using Berth.Containers;
using Google.Protobuf;
using Google.Protobuf.Collections;

namespace Berth.Cri.Mapping;

/// <summary>The spec that a CreateContainer asks for. What a field means for the image or the machine is checked where it is used.</summary>
internal static class ContainerSpecMapping
{
    private const string Security = "config.linux.security_context";

    // Bytes that are no text would become others in the JSON of an OCI spec.
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <param name="config">The request's.</param>
    /// <param name="pod">The namespaces of its pod.</param>
    public static ContainerSpec ToSpec(Protos.ContainerConfig? config, NamespaceModes pod)
    {
        NamespaceMapping.CheckSame(config?.Linux?.SecurityContext?.NamespaceOptions, pod, $"{Security}.namespace_options");
        return ToSpec(config);
    }

    /// <summary>The same, without a look at the pod.</summary>
    public static ContainerSpec ToSpec(Protos.ContainerConfig? config)
    {
        var given = Field.Required(config, "config");
        var metadata = Field.Required(given.Metadata, "config.metadata");
        var image = Field.Required(given.Image, "config.image");
        var details = ImageSpecMapping.ToDetails(image, "config.image");
        if (given.Windows is not null)
        {
            throw Field.Wrong("config.windows", "is given, but this is a Linux node; leave it out");
        }

        return new()
        {
            Name = Field.Name(metadata.Name, "config.metadata.name"),
            Attempt = metadata.Attempt,
            Image = Field.Line(Field.Text(image.Image, "config.image.image"), "config.image.image"),
            UserSpecifiedImage = details.UserSpecifiedImage,
            ImageAnnotations = details.Annotations,
            ImageRuntimeHandler = details.RuntimeHandler,
            ImageRef = details.Reference,
            Command = Arguments(given.Command, "config.command"),
            Args = Arguments(given.Args, "config.args"),
            WorkingDirectory = Field.OptionalPath(given.WorkingDir, "config.working_dir"),
            Environment = [.. given.Envs.Select(static (variable, index) => Variable(variable, $"config.envs[{index}]"))],
            Mounts = [.. given.Mounts.Select(static (mount, index) => MountMapping.ToDomain(mount, $"config.mounts[{index}]"))],
            Devices = [.. given.Devices.Select(static (device, index) => MountMapping.ToDevice(device, $"config.devices[{index}]"))],
            CdiDevices = [.. given.CDIDevices.Select(static (device, index) => Field.Text(device.Name, $"config.CDI_devices[{index}].name"))],
            Labels = Tags.Labels(given.Labels, "config.labels"),
            Annotations = Tags.Annotations(given.Annotations, "config.annotations"),
            LogPath = Field.OptionalPath(given.LogPath, "config.log_path"),
            Stdin = given.Stdin,
            // Without stdin it says nothing; Kubernetes takes a pod that has it so.
            StdinOnce = given.StdinOnce && given.Stdin,
            Terminal = given.Tty,
            StopSignal = SignalMapping.ToDomain(given.StopSignal, "config.stop_signal"),
            Resources = given.Linux?.Resources is { } resources ? ResourceMapping.ToDomain(resources, "config.linux.resources") : new(),
            Security = given.Linux?.SecurityContext is { } security ? SecurityOf(security) : new(),
        };
    }

    private static SecurityContext SecurityOf(Protos.LinuxContainerSecurityContext security)
    {
#pragma warning disable CS0612 // the older form of the profiles, which clients still send
        var (olderSeccomp, olderApparmor) = (security.SeccompProfilePath, security.ApparmorProfile);
#pragma warning restore CS0612
        return new()
        {
            AddCapabilities = [.. security.Capabilities?.AddCapabilities ?? []],
            DropCapabilities = [.. security.Capabilities?.DropCapabilities ?? []],
            AddAmbientCapabilities = [.. security.Capabilities?.AddAmbientCapabilities ?? []],
            Privileged = security.Privileged,
            Namespaces = NamespaceMapping.ToDomain(security.NamespaceOptions, $"{Security}.namespace_options"),
            Selinux = SelinuxMapping.ToDomain(security.SelinuxOptions, $"{Security}.selinux_options"),
            RunAsUser = UserMapping.Id(security.RunAsUser, $"{Security}.run_as_user"),
            RunAsGroup = UserMapping.Id(security.RunAsGroup, $"{Security}.run_as_group"),
            RunAsUsername = Username(security),
            ReadOnlyRootfs = security.ReadonlyRootfs,
            SupplementalGroups = UserMapping.Groups(security.SupplementalGroups, $"{Security}.supplemental_groups"),
            SupplementalGroupsPolicy = UserMapping.Policy(security.SupplementalGroupsPolicy, $"{Security}.supplemental_groups_policy"),
            NoNewPrivileges = security.NoNewPrivs,
            MaskedPaths = Paths(security.MaskedPaths, $"{Security}.masked_paths"),
            ReadOnlyPaths = Paths(security.ReadonlyPaths, $"{Security}.readonly_paths"),
            Seccomp = ProfileMapping.ToDomain(security.Seccomp, olderSeccomp, $"{Security}.seccomp"),
            Apparmor = ProfileMapping.ToDomain(security.Apparmor, olderApparmor, $"{Security}.apparmor"),
        };
    }

    private static string Username(Protos.LinuxContainerSecurityContext security)
    {
        var name = Field.Line(security.RunAsUsername, $"{Security}.run_as_username");
        if (name.Length > 0 && security.RunAsUser is not null)
        {
            throw Field.Wrong($"{Security}.run_as_username", "is given together with run_as_user: give one of them");
        }

        return name.Length > 0 || security.RunAsUser is not null || security.RunAsGroup is null
            ? name
            : throw Field.Wrong($"{Security}.run_as_group", "is given without run_as_user or run_as_username: give one of them too");
    }

    private static IReadOnlyList<string> Paths(RepeatedField<string> paths, string field) =>
        [.. paths.Select(path => Field.OptionalAbsolutePath(Field.Text(path, field), field))];

    private static IReadOnlyList<string> Arguments(RepeatedField<string> arguments, string field) =>
        arguments.Any(static argument => argument.Contains('\0')) ? throw Field.Wrong(field, "has an argument that contains a NUL byte") : [.. arguments];

    // The value may be a secret: no message shows it.
    private static KeyValuePair<string, string> Variable(Protos.KeyValue variable, string field)
    {
        if (variable.Key.Length == 0 || variable.Key.Contains('=') || variable.Key.Contains('\0'))
        {
            throw Field.Wrong($"{field}.key", $"is {Field.Show(variable.Key)}; the name of a variable must not be empty, nor contain \"=\" or a NUL byte");
        }

        return variable.Value.Span.Contains((byte)0)
            ? throw Field.Wrong($"{field}.value", $"of {Field.Show(variable.Key)} contains a NUL byte")
            : new(variable.Key, Value(variable.Value, variable.Key, field));
    }

    private static string Value(ByteString value, string key, string field)
    {
        try
        {
            return StrictUtf8.GetString(value.Span);
        }
        catch (DecoderFallbackException)
        {
            throw Field.Wrong($"{field}.value", $"of {Field.Show(key)} is not UTF-8 text");
        }
    }
}
