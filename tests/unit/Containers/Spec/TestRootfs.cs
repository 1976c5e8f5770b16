using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Spec;
using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

/// <summary>A folder like an unpacked image, and inputs that use it.</summary>
internal sealed class TestRootfs : IDisposable
{
    internal const string Passwd = "root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001:Web:/home/web:/bin/sh\nbad:x:0x0:+0::/:/bin/sh\n";
    internal const string Group = "root:x:0:\nweb:x:1001:\nlogs:x:50:web,other\nextra:x:60:other,web\nbadgroup:x:00:\n";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("berth-spec-");

    internal TestRootfs()
    {
        Directory.CreateDirectory(Path);
        Write("etc/passwd", Passwd);
        Write("etc/group", Group);
    }

    internal string Folder => _folder.FullName;

    internal string Path => System.IO.Path.Combine(_folder.FullName, "rootfs");

    internal static HostFacts Host { get; } = new()
    {
        BoundingSet = CapabilitySet.All.Except(Capability("SYS_RESOURCE")),
        OomScoreFloor = 0,
        CgroupV2 = false,
        HasHugetlbController = false,
        HasSwapController = true,
        HasAppArmor = false,
        Architecture = "amd64",
        KernelVersion = new(6, 1, 0),
    };

    internal static HandlerFeatures AllFeatures { get; } = new()
    {
        HostNamespaces = true,
        SharedPidNamespace = true,
        Privileged = true,
        Devices = true,
        Seccomp = true,
        RecursiveReadOnlyMounts = true,
        UserNamespaces = true,
        AppArmor = true,
        HugePages = true,
        SharedFolders = true,
        MountPropagation = true,
        MountPropagationToHost = true,
        Terminal = true,
        Stdin = true,
        HostProcesses = true,
    };

    internal static CapabilitySet Capability(string name) => CapabilitySet.TryParse($"CAP_{name}", out var set) ? set : throw new ArgumentException(name);

    internal static SpecResult Build(SpecInput input, HostFacts? host = null) =>
        new OciSpecBuilder(host ?? Host, new("/usr/share/containers/seccomp.json", host ?? Host)).Build(input);

    internal SpecInput Input(ContainerSpec? container = null, ImageDefaults? image = null) => new()
    {
        Container = container ?? Container(),
        Image = image ?? new() { Cmd = ["/bin/sh"] },
        RootfsPath = Path,
        VolumesDirectory = System.IO.Path.Combine(Folder, "volumes"),
        MappedDirectory = System.IO.Path.Combine(Folder, "mapped"),
        NamespacePaths = new Dictionary<string, string>(),
        SandboxNamespaces = new(),
        SandboxPrivileged = true,
        Files = new(),
        CgroupsPath = "/berth/test",
        OciVersion = "1.0.2",
        Hostname = "pod-1",
        Features = AllFeatures,
    };

    internal static ContainerSpec Container(SecurityContext? security = null) =>
        new() { Name = "main", Image = "busybox", Security = security ?? new() };

    internal string Write(string path, string content)
    {
        var full = System.IO.Path.Combine(Path, path);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(full)!);
        File.WriteAllText(full, content);
        return full;
    }

    internal void Replace(string path, Action<string> make)
    {
        var full = System.IO.Path.Combine(Path, path);
        File.Delete(full);
        make(full);
    }

    /// <summary>The failure of a build, by its code and text.</summary>
    internal static RuntimeException Refused(Action action, RuntimeErrorCode code)
    {
        var exception = Assert.Throws<RuntimeException>(action);
        Assert.Equal(code, exception.Code);
        return exception;
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
