using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Spec;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

public sealed class FeatureGateTests
{
    private static readonly SecurityProfile OwnProfile = new(SecurityProfileType.Localhost, "/x");

    /// <summary>What a container may ask for, and the word that the refusal must have.</summary>
    public static TheoryData<string, ContainerSpec> Asked { get; } = new()
    {
        { "privileged", Container(new() { Privileged = true }) },
        { "devices", Container() with { Devices = [new("/dev/fuse", "/dev/fuse", "rw")] } },
        { "CDI devices", Container() with { CdiDevices = ["vendor.com/gpu=0"] } },
        { "CDI devices", Container() with { Annotations = new Dictionary<string, string> { ["cdi.k8s.io/x"] = "vendor.com/gpu=0" } } },
        { "host's PID", Container(new() { Namespaces = new() { Pid = NamespaceMode.Node } }) },
        { "another container", Container(new() { Namespaces = new() { Pid = NamespaceMode.Target, TargetId = "c" } }) },
        { "user namespace", Container(new() { Namespaces = new() { User = new(NamespaceMode.Pod, [], []) } }) },
        { "seccomp", Container(new() { Seccomp = OwnProfile }) },
        { "AppArmor", Container(new() { Apparmor = OwnProfile }) },
        { "tty", Container() with { Terminal = true } },
        { "stdin", Container() with { Stdin = true } },
        { "huge pages", Container() with { Resources = new() { HugepageLimits = [new("2MB", 1)] } } },
        { "mount propagation", Container() with { Mounts = [new() { ContainerPath = "/a", HostPath = "/", ReadOnly = true, Propagation = MountPropagation.HostToContainer }] } },
        { "writable folder", Container() with { Mounts = [new() { ContainerPath = "/a", HostPath = "/" }] } },
    };

    [Theory, MemberData(nameof(Asked))]
    public void Check_OfWhatTheHandlerLacks_NamesAbilityHandlerAndRemedy(string named, ContainerSpec container)
    {
        var failure = Assert.Throws<RuntimeException>(() => FeatureGate.Check(container, sandboxPrivileged: true, "runv", new()));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, failure.Code);
        Assert.Contains(named, failure.Message, StringComparison.Ordinal);
        Assert.Contains("handler runv", failure.Message, StringComparison.Ordinal);
        Assert.Contains("another RuntimeClass", failure.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Asked))]
    public void Check_OfWhatTheHandlerHas_Passes(string named, ContainerSpec container)
    {
        Assert.NotEmpty(named);
        FeatureGate.Check(container, sandboxPrivileged: true, "runc", TestRootfs.AllFeatures);
    }

    [Fact]
    public void Check_OfWhatEveryKubeletSends_PassesOnAHandlerWithoutAnyFeature() => FeatureGate.Check(
        Container() with
        {
            Resources = new() { HugepageLimits = [new("2MB", 0)] },
            Mounts =
            [
                new() { ContainerPath = "/etc/hosts", HostPath = "/etc/hosts" },
                new() { ContainerPath = "/var/run/secrets", HostPath = "/", ReadOnly = true },
            ],
            Security = new() { Seccomp = new(SecurityProfileType.RuntimeDefault, ""), Apparmor = new(SecurityProfileType.RuntimeDefault, "") },
        },
        sandboxPrivileged: false,
        "runv",
        new());

    [Fact]
    public void Check_PrivilegedInAPlainSandbox_IsRefused() => TestRootfs.Refused(
        () => FeatureGate.Check(Container(new() { Privileged = true }), sandboxPrivileged: false, "runc", TestRootfs.AllFeatures), RuntimeErrorCode.InvalidArgument);

    private static ContainerSpec Container(SecurityContext? security = null) => new() { Name = "c", Image = "i", Security = security ?? new() };
}
