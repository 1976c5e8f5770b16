using Berth.Abstractions;
using Berth.Containers;
using Berth.Cri.Mapping;
using CsCheck;
using Google.Protobuf;
using Xunit;
using Protos = Berth.Cri.Protos;

namespace Berth.Tests.Unit.Cri;

public sealed class ContainerMappingTests
{
    public static TheoryData<string, Action<Protos.ContainerConfig>> BadConfigs => new()
    {
        { "config.metadata", c => c.Metadata = null },
        { "config.metadata.name", c => c.Metadata.Name = ".." },
        { "config.image", c => c.Image = null },
        { "config.image.image", c => c.Image.Image = "" },
        { "config.command", c => c.Command.Add("a\0b") },
        { "config.working_dir", c => c.WorkingDir = "/../.." },
        { "config.envs[0].key", c => c.Envs.Add(new Protos.KeyValue { Key = "A=B" }) },
        { "config.envs[0].value", c => c.Envs.Add(new Protos.KeyValue { Key = "A", Value = ByteString.CopyFrom(0xff) }) },
        { "config.mounts[0]", c => c.Mounts.Add(new Protos.Mount { ContainerPath = "/a" }) },
        { "config.mounts[0]", c => c.Mounts.Add(new Protos.Mount { ContainerPath = "/a", HostPath = "/b", Image = new() { Image = "x" } }) },
        { "config.mounts[0].container_path", c => c.Mounts.Add(new Protos.Mount { HostPath = "/b" }) },
        { "config.mounts[0].recursive_read_only", c => c.Mounts.Add(new Protos.Mount { ContainerPath = "/a", HostPath = "/b", RecursiveReadOnly = true }) },
        { "config.mounts[0].propagation", c => c.Mounts.Add(new Protos.Mount { ContainerPath = "/a", HostPath = "/b", Propagation = (Protos.MountPropagation)3 }) },
        { "config.devices[0].permissions", c => c.Devices.Add(new Protos.Device { HostPath = "/dev/null", ContainerPath = "/dev/null", Permissions = "rx" }) },
        { "config.log_path", c => c.LogPath = "../../cron.d/x" },
        { "config.stop_signal", c => c.StopSignal = (Protos.Signal)999 },
        { "config.windows", c => c.Windows = new() },
        { "config.linux.resources.oom_score_adj", c => c.Linux.Resources = new() { OomScoreAdj = -1001 } },
        { "config.linux.security_context.run_as_user", c => Security(c).RunAsUser = new() { Value = uint.MaxValue } },
        { "config.linux.security_context.run_as_group", c => Security(c).RunAsGroup = new() { Value = 5 } },
        { "config.linux.security_context.supplemental_groups", c => Security(c).SupplementalGroups.Add(-1) },
        { "config.linux.security_context.supplemental_groups_policy", c => Security(c).SupplementalGroupsPolicy = (Protos.SupplementalGroupsPolicy)2 },
        { "config.linux.security_context.namespace_options.target_id", c => Security(c).NamespaceOptions = new() { Pid = Protos.NamespaceMode.Target } },
        { "config.image.image_ref", c => c.Image.ImageRef = "a\nb" },
        { "config.mounts[0].image.annotations", c => c.Mounts.Add(new Protos.Mount { ContainerPath = "/a", Image = new() { Image = "i", Annotations = { [""] = "x" } } }) },
        { "config.mounts[0].image_sub_path", c => c.Mounts.Add(new Protos.Mount { ContainerPath = "/a", HostPath = "/b", ImageSubPath = "c" }) },
        { "config.linux.security_context.selinux_options.user", c => Security(c).SelinuxOptions = new() { User = "a:b" } },
        { "config.linux.security_context.apparmor.profile_type", c => Security(c).Apparmor = new() { ProfileType = (Protos.SecurityProfile.Types.ProfileType)3 } },
    };

    [Fact]
    public void ToSpec_FullConfig_KeepsEveryField()
    {
        var config = Config();
        config.Envs.Add(new Protos.KeyValue { Key = "A", Value = ByteString.CopyFromUtf8("é=1") });
        config.Mounts.Add(new Protos.Mount { ContainerPath = "/data", HostPath = "/srv", Propagation = Protos.MountPropagation.PropagationBidirectional });
        config.Mounts.Add(new Protos.Mount { ContainerPath = "/img", Image = new() { Image = "models:1" }, ImageSubPath = "weights" });
        config.StopSignal = Protos.Signal.Sigrtminplus3;
        Security(config).RunAsUser = new() { Value = 1000 };
        Security(config).RunAsGroup = new() { Value = 0 };
        Security(config).Capabilities = new() { AddCapabilities = { "NET_ADMIN" }, DropCapabilities = { "ALL" } };

        var spec = ContainerSpecMapping.ToSpec(config);

        Assert.Equal(new KeyValuePair<string, string>("A", "é=1"), Assert.Single(spec.Environment));
        Assert.Equal(MountPropagation.Bidirectional, spec.Mounts[0].Propagation);
        Assert.Equal(("models:1", "weights", true), (spec.Mounts[1].Image, spec.Mounts[1].ImageSubPath, spec.Mounts[1].ReadOnly));
        Assert.Equal("SIGRTMIN+3", spec.StopSignal);
        Assert.Equal((1000, 0), (spec.Security.RunAsUser, spec.Security.RunAsGroup));
        Assert.Equal(["NET_ADMIN"], spec.Security.AddCapabilities);
        Assert.Equal(["ALL"], spec.Security.DropCapabilities);
        Assert.Null(spec.Security.Seccomp);
    }

    [Theory]
    [MemberData(nameof(BadConfigs), DisableDiscoveryEnumeration = true)]
    public void ToSpec_BadField_IsRefusedByName(string field, Action<Protos.ContainerConfig> spoil)
    {
        var config = Config();
        spoil(config);

        var refusal = Assert.Throws<RuntimeException>(() => ContainerSpecMapping.ToSpec(config));

        Assert.Equal(RuntimeErrorCode.InvalidArgument, refusal.Code);
        Assert.StartsWith(field + " ", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ToSpec_AnyMessage_MapsOrIsRefusedAsInvalid() => RandomMessages.Of<Protos.ContainerConfig>().Sample(MapsOrRefuses);

    [Fact]
    public void ToSpec_GoodMessageWithSomeOddFields_MapsOrIsRefusedAsInvalid() => RandomMessages.Around(Config()).Sample(MapsOrRefuses);

    [Fact]
    public void ToSpec_BadSecret_IsNotShown()
    {
        var config = Config();
        config.Envs.Add(new Protos.KeyValue { Key = "TOKEN", Value = ByteString.CopyFromUtf8("canary\0") });

        Assert.DoesNotContain("canary", Assert.Throws<RuntimeException>(() => ContainerSpecMapping.ToSpec(config)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("runtime/default", SecurityProfileType.RuntimeDefault, "")]
    [InlineData("unconfined", SecurityProfileType.Unconfined, "")]
    [InlineData("localhost//etc/p.json", SecurityProfileType.Localhost, "/etc/p.json")]
    public void ToSpec_OlderSeccompText_IsUnderstood(string text, SecurityProfileType type, string reference)
    {
        var config = Config();
#pragma warning disable CS0612
        Security(config).SeccompProfilePath = text;
#pragma warning restore CS0612

        Assert.Equal(new SecurityProfile(type, reference), ContainerSpecMapping.ToSpec(config).Security.Seccomp);
    }

    [Theory]
    [InlineData(ContainerPhase.Created, Protos.ContainerState.ContainerCreated)]
    [InlineData(ContainerPhase.Starting, Protos.ContainerState.ContainerCreated)]
    [InlineData(ContainerPhase.Running, Protos.ContainerState.ContainerRunning)]
    [InlineData(ContainerPhase.Exited, Protos.ContainerState.ContainerExited)]
    public void ToStatus_EveryPhase_HasWhatKubeletsInsistOn(ContainerPhase phase, Protos.ContainerState state)
    {
        var status = ContainerMapping.ToStatus(Records.Container(phase: phase));

        Assert.Equal(state, status.State);
        Assert.Equal(("c0de", "nginx", 1u), (status.Id, status.Metadata.Name, status.Metadata.Attempt));
        Assert.Equal(1772600767_000_000_000, status.CreatedAt);
        Assert.Equal(phase is ContainerPhase.Created or ContainerPhase.Starting, status.StartedAt == 0);
        Assert.Equal(phase == ContainerPhase.Exited ? (1772600769_000_000_000, 137, "OOMKilled") : (0, 0, ""), (status.FinishedAt, status.ExitCode, status.Reason));
        Assert.Equal(("nginx:1.27", "docker.io/library/nginx@sha256:99", "sha256:77"), (status.Image.Image, status.ImageRef, status.ImageId));
        Assert.Equal(Protos.Signal.Sigterm, status.StopSignal);
    }

    [Fact]
    public void ToStatus_Mounts_AreWhatTheRequestHad()
    {
        var config = Config();
        config.Mounts.Add(new Protos.Mount { ContainerPath = "/dev/termination-log", HostPath = "/var/lib/kubelet/pods/u-1/containers/nginx/1" });
        config.Mounts.Add(new Protos.Mount
        {
            ContainerPath = "/ro",
            HostPath = "/srv",
            Readonly = true,
            RecursiveReadOnly = true,
            SelinuxRelabel = true,
            MountOptions = { "noexec" },
        });
        var image = new Protos.ImageSpec
        {
            Image = "models:1",
            Annotations = { ["a"] = "b" },
            UserSpecifiedImage = "models",
            RuntimeHandler = "crun",
            ImageRef = "models@sha256:1",
        };
        config.Mounts.Add(new Protos.Mount { ContainerPath = "/img", Image = image, ImageSubPath = "w", Readonly = true });

        var status = ContainerMapping.ToStatus(Records.Container() with { Spec = ContainerSpecMapping.ToSpec(config) });

        Assert.Equal(config.Mounts, status.Mounts);
    }

    [Theory]
    [InlineData(Protos.NamespaceMode.Node, Protos.NamespaceMode.Pod, "network")]
    [InlineData(Protos.NamespaceMode.Pod, Protos.NamespaceMode.Node, "ipc")]
    public void ToSpec_AnotherNetworkOrIpcThanThePods_IsRefused(Protos.NamespaceMode network, Protos.NamespaceMode ipc, string field)
    {
        var config = Config();
        ContainerSpecMapping.ToSpec(config, new() { Network = NamespaceMode.Node });
        Security(config).NamespaceOptions = new() { Network = network, Ipc = ipc };
        ContainerSpecMapping.ToSpec(config, NamespaceMapping.ToDomain(Security(config).NamespaceOptions, "n"));
        var refusal = Assert.Throws<RuntimeException>(() => ContainerSpecMapping.ToSpec(config, new()));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, refusal.Code);
        Assert.StartsWith($"config.linux.security_context.namespace_options.{field} is NODE, but the pod's is POD", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void VerboseInfo_OfContainer_NamesPidSandboxAndSpec()
    {
        using var info = System.Text.Json.JsonDocument.Parse(VerboseInfo.Of(Records.Container() with { Pid = 42, Request = Records.Request() }, Records.Sandbox()));

        Assert.Equal("crun", info.RootElement.GetProperty("handler").GetString());
        Assert.Equal("the default", info.RootElement.GetProperty("handlerReason").GetString());

        Assert.Equal(42, info.RootElement.GetProperty("pid").GetInt32());
        Assert.Equal("0a1b", info.RootElement.GetProperty("sandboxID").GetString());
        Assert.Equal("/run/berth/containers/c0de/config.json", info.RootElement.GetProperty("runtimeSpecPath").GetString());
        Assert.Equal("mounted", info.RootElement.GetProperty("snapshot").GetProperty("form").GetString());
    }

    private static void MapsOrRefuses(Protos.ContainerConfig config)
    {
        try
        {
            ContainerSpecMapping.ToSpec(config);
        }
        catch (RuntimeException e) when (e.Code == RuntimeErrorCode.InvalidArgument && e.Message.Length < 1000)
        {
            // The only way out.
        }
    }

    private static Protos.ContainerConfig Config() => new()
    {
        Metadata = new() { Name = "nginx" },
        Image = new() { Image = "sha256:77" },
        Linux = new() { SecurityContext = new() },
    };

    private static Protos.LinuxContainerSecurityContext Security(Protos.ContainerConfig config) => config.Linux.SecurityContext;
}
