using Berth.Cri.Protos;
using Google.Protobuf;
using static Grpc.Core.StatusCode;

namespace Berth.Tests.Integration.BadInput;

internal static partial class BadCalls
{
    private static IEnumerable<BadCall> CreateContainer(BadInputScene scene)
    {
        BadCall Container(string why, Action<ContainerConfig> change, params string[] says) => new(why, scene.Create(change), InvalidArgument, says);
        CreateContainerRequest At(string pod) => new() { PodSandboxId = pod, Config = scene.Create(static c => c.Linux.SecurityContext.NamespaceOptions = null).Config };
        var other = scene.Create();
        other.SandboxConfig = new() { Metadata = new() { Name = "pod", Namespace = "tests", Uid = "another" } };

        foreach (var call in PodId(scene, At))
        {
            yield return call;
        }

        foreach (var (field, change) in (IEnumerable<(string, Action<PodSandboxMetadata>)>)[("name", static m => m.Name = "other"), ("namespace", static m => m.Namespace = "other"), ("attempt", static m => m.Attempt = 7)])
        {
            var same = scene.Create();
            same.SandboxConfig = scene.Pod.Config.Clone();
            change(same.SandboxConfig.Metadata);
            yield return new($"the same pod by another {field}", same, InvalidArgument, $"sandbox_config.metadata.{field}", scene.Pod.Id);
        }

        yield return new("stopped", At(scene.Stopped.Id), FailedPrecondition, scene.Stopped.Id);
        yield return new("no configuration", new CreateContainerRequest { PodSandboxId = scene.Pod.Id }, InvalidArgument, "config is missing");
        yield return new("another pod's configuration", other, InvalidArgument, "sandbox_config.metadata.uid", "another", scene.Pod.Id);
        yield return new("an image that is not here", scene.Create(static c => c.Image.Image = "localhost/no/such:image"), NotFound, "localhost/no/such:image", "pull it first");
        yield return Container("no metadata", static c => c.Metadata = null, "config.metadata");
        yield return Container("no name", static c => c.Metadata.Name = "", "config.metadata.name");
        yield return Container("a name with a path", static c => c.Metadata.Name = "a/b", "config.metadata.name", "a/b");
        yield return Container("no image", static c => c.Image = null, "config.image");
        yield return Container("an image without a name", static c => c.Image.Image = "", "config.image.image");
        yield return Container("an image that is another", static c => c.Image.ImageRef = "sha256:" + new string('0', 64), "config.image.image_ref", "the image that the request names is");
        yield return Container("an image for a handler that is none", static c => c.Image.RuntimeHandler = "zeppelin", "config.image.runtime_handler", "zeppelin");
        yield return Container("the host's network in a pod of its own", static c => c.Linux.SecurityContext.NamespaceOptions.Network = NamespaceMode.Node, "namespace_options.network", "NODE", "POD");
        yield return Container("the host's IPC in a pod of its own", static c => c.Linux.SecurityContext.NamespaceOptions.Ipc = NamespaceMode.Node, "namespace_options.ipc", "NODE", "POD");
        yield return Container("users that the pod does not have", static c => c.Linux.SecurityContext.NamespaceOptions.UsernsOptions = Mapped(), "user namespace", "userns_options");
        yield return Container("two mounts at one place", static c => c.Mounts.Add([new Mount { ContainerPath = "/a", HostPath = "/tmp" }, new Mount { ContainerPath = "/a/", HostPath = "/var" }]), "two mounts", "/a");
        yield return Container("an unknown option of a mount", static c => c.Mounts.Add(new Mount { ContainerPath = "/a", HostPath = "/tmp", MountOptions = { "bogus" } }), "bogus", "noexec");
        yield return Container("a part of no image", static c => c.Mounts.Add(new Mount { ContainerPath = "/a", HostPath = "/tmp", ImageSubPath = "b" }), "config.mounts[0].image_sub_path", "without an image");
        yield return Container("a CDI device without a name", static c => c.CDIDevices.Add(new CDIDevice()), "config.CDI_devices[0].name");
        yield return Container("a CDI device that is no name", static c => c.CDIDevices.Add(new CDIDevice { Name = "no name" }), "no name", "vendor");
        yield return new("a CDI device that nobody has", scene.Create(static c => c.CDIDevices.Add(new CDIDevice { Name = "example.com/none=0" })), FailedPrecondition, "example.com/none=0");
        yield return Container("too many capabilities", static c => c.Linux.SecurityContext.Capabilities.DropCapabilities.Add(Enumerable.Repeat("CHOWN", 1000)), "capabilities", "256");
        yield return Container("less swap than memory", static c => (c.Linux.Resources.MemoryLimitInBytes, c.Linux.Resources.MemorySwapLimitInBytes) = (2 << 20, 1 << 20), "memory_swap_limit", "at least");
        yield return Container("no command", static c => c.Command[0] = "", "no command");
        yield return Container("a command too long", static c => c.Args.Add(new string('a', 200_000)), "131072");
        yield return Container("too many words", static c => c.Args.Add(Enumerable.Repeat("", 40_000)), "32768");
        yield return Container("a working folder that climbs", static c => c.WorkingDir = "/a/../../b", "config.working_dir");
        yield return Container("a variable without a name", static c => c.Envs.Add(new KeyValue { Value = ByteString.CopyFromUtf8("x") }), "config.envs[0].key");
        yield return Container("a variable that is no text", static c => c.Envs.Add(new KeyValue { Key = "A", Value = ByteString.CopyFrom(0xff) }), "config.envs[0].value", "UTF-8");
        yield return Container("a variable with a NUL", static c => c.Envs.Add(new KeyValue { Key = "A", Value = ByteString.CopyFrom((byte)'a', 0) }), "config.envs[0].value", "NUL");
        yield return Container("a mount of nothing", static c => c.Mounts.Add(new Mount { ContainerPath = "/a" }), "config.mounts[0]", "host_path or an image");
        yield return Container("a mount of two things", static c => c.Mounts.Add(new Mount { ContainerPath = "/a", HostPath = "/tmp", Image = new() { Image = "i" } }), "config.mounts[0]", "either");
        yield return Container("a mount to nowhere", static c => c.Mounts.Add(new Mount { HostPath = "/tmp" }), "config.mounts[0].container_path");
        yield return Container("a mount that climbs", static c => c.Mounts.Add(new Mount { ContainerPath = "/a", HostPath = "/tmp/../etc" }), "config.mounts[0].host_path");
        yield return Container("an unknown propagation", static c => c.Mounts.Add(new Mount { ContainerPath = "/a", HostPath = "/tmp", Propagation = (MountPropagation)9 }), "config.mounts[0].propagation", "9");
        yield return Container("read-only in depth and writable", static c => c.Mounts.Add(new Mount { ContainerPath = "/a", HostPath = "/tmp", RecursiveReadOnly = true }), "recursive_read_only", "readonly");
        yield return Container("a device with other rights", static c => c.Devices.Add(new Device { ContainerPath = "/dev/x", HostPath = "/dev/null", Permissions = "rx" }), "config.devices[0].permissions", "rx");
        yield return Container("a device without a path", static c => c.Devices.Add(new Device { ContainerPath = "/dev/x", Permissions = "r" }), "config.devices[0].host_path");
        yield return Container("a label without a key", static c => c.Labels[""] = "x", "config.labels");
        yield return Container("annotations too large", static c => c.Annotations["a"] = new string('x', 600_000), "config.annotations");
        yield return Container("a log that climbs", static c => c.LogPath = "../../escaped.log", "config.log_path", "escaped.log");
        yield return Container("a log that is a folder", static c => c.LogPath = ".", "log_path", "file");
        yield return Container("an unknown signal", static c => c.StopSignal = (Signal)99, "config.stop_signal", "99");
        yield return Container("for Windows", static c => c.Windows = new(), "config.windows", "Linux");
        yield return Container("a negative limit", static c => c.Linux.Resources.MemoryLimitInBytes = -1, "config.linux.resources.memory_limit_in_bytes");
        yield return Container("an OOM score that is none", static c => c.Linux.Resources.OomScoreAdj = 2000, "oom_score_adj", "1000");
        yield return Container("processors that are none", static c => c.Linux.Resources.CpusetCpus = "all", "cpuset_cpus", "0-3,7");
        yield return Container("a size of pages that is none", static c => c.Linux.Resources.HugepageLimits.Add(new HugepageLimit { PageSize = "big" }), "big", "2MB");
        yield return Container("an unknown capability", static c => c.Linux.SecurityContext.Capabilities.AddCapabilities.Add("SWIM"), "SWIM");
        yield return Container("a group without a user", static c => c.Linux.SecurityContext.RunAsGroup = new() { Value = 1 }, "run_as_group", "run_as_user");
        yield return Container("two users", static c => (c.Linux.SecurityContext.RunAsUser, c.Linux.SecurityContext.RunAsUsername) = (new() { Value = 1 }, "root"), "run_as_user");
        yield return Container("a user that is none", static c => c.Linux.SecurityContext.RunAsUser = new() { Value = -1 }, "run_as_user", "-1");
        yield return Container("an unknown policy", static c => c.Linux.SecurityContext.SupplementalGroupsPolicy = (SupplementalGroupsPolicy)9, "supplemental_groups_policy", "9");
        yield return Container("a target without TARGET", static c => c.Linux.SecurityContext.NamespaceOptions.TargetId = "x", "target_id", "TARGET");
        yield return Container("a relative masked path", static c => c.Linux.SecurityContext.MaskedPaths.Add("proc/kcore"), "masked_paths", "absolute");
        yield return Container("a profile without its file", static c => c.Linux.SecurityContext.Seccomp = new() { ProfileType = SecurityProfile.Types.ProfileType.Localhost }, "seccomp");
    }

    private static IEnumerable<BadCall> UpdateContainerResources(BadInputScene scene)
    {
        static UpdateContainerResourcesRequest Update(string id, LinuxContainerResources? resources = null) => new() { ContainerId = id, Linux = resources ?? new() };
        return
        [
            .. ContainerId(scene, static id => Update(id)),
            new("nothing to update", new UpdateContainerResourcesRequest { ContainerId = scene.Running }, InvalidArgument, "linux is missing"),
            new("for Windows", new UpdateContainerResourcesRequest { ContainerId = scene.Running, Linux = new(), Windows = new() }, InvalidArgument, "windows", "Linux"),
            new("an option that is none", new UpdateContainerResourcesRequest { ContainerId = scene.Running, Linux = new(), Annotations = { ["x"] = "y" } }, InvalidArgument, "annotations", "x"),
            new("ended", Update(scene.Exited), FailedPrecondition, scene.Exited, "Exited"),
            new("a negative share", Update(scene.Running, new() { CpuShares = -1 }), InvalidArgument, "linux.cpu_shares", "-1"),
            new("less swap than memory", Update(scene.Running, new() { MemoryLimitInBytes = 2 << 20, MemorySwapLimitInBytes = 1 << 20 }), InvalidArgument, "memory_swap_limit", "at least"),
            new("processors that are none", Update(scene.Running, new() { CpusetCpus = "x" }), InvalidArgument, "cpuset_cpus"),
        ];
    }
}
