using System.Text;
using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Spec;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

public sealed class OciSpecBuilderTests : IDisposable
{
    private readonly TestRootfs _rootfs = new();

    public void Dispose() => _rootfs.Dispose();

    [Fact]
    public void Build_Small_IsTheJsonThatRuntimesRead()
    {
        var input = _rootfs.Input(TestRootfs.Container(new() { DropCapabilities = ["ALL"], NoNewPrivileges = true, MaskedPaths = ["/proc/kcore"] })) with
        {
            RootfsPath = _rootfs.Path,
            Annotations = new Dictionary<string, string> { ["k"] = "v" },
        };

        var json = Encoding.UTF8.GetString(OciJson.Write(TestRootfs.Build(input).Spec));

        Assert.StartsWith(
            """{"ociVersion":"1.0.2","process":{"terminal":false,"user":{"uid":0,"gid":0,"additionalGids":[0]},"args":["/bin/sh"],"env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","HOSTNAME=pod-1"],"cwd":"/","capabilities":{"bounding":[],"effective":[],"permitted":[],"inheritable":[],"ambient":[]},"noNewPrivileges":true,"oomScoreAdj":0},"root":{"path":""" + $"\"{_rootfs.Path}\"" + ""","readonly":false},"hostname":"pod-1","mounts":[{"destination":"/proc","type":"proc","source":"proc","options":["nosuid","noexec","nodev"]},""",
            json,
            StringComparison.Ordinal);
        Assert.EndsWith(
            """],"annotations":{"k":"v"},"linux":{"namespaces":[{"type":"pid"},{"type":"network"},{"type":"ipc"},{"type":"uts"},{"type":"mount"}],"devices":[],"cgroupsPath":"/berth/test","resources":{"devices":[{"allow":false,"access":"rwm"}]},"maskedPaths":["/proc/kcore"],"readonlyPaths":[]}}""",
            json,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Build_Written_ReadsBackTheSame()
    {
        var json = OciJson.Write(TestRootfs.Build(_rootfs.Input(TestRootfs.Container(new() { Seccomp = new(SecurityProfileType.RuntimeDefault, "") }))).Spec);

        Assert.Equal(json, OciJson.Write(OciJson.ReadSpec(json)));
    }

    [Fact]
    public void Build_Privileged_LiftsWhatConfines()
    {
        var security = new SecurityContext
        {
            Privileged = true,
            MaskedPaths = ["/proc/kcore"],
            ReadOnlyPaths = ["/proc/sys"],
            Seccomp = new(SecurityProfileType.RuntimeDefault, ""),
            Apparmor = new(SecurityProfileType.Localhost, "x"),
        };

        var spec = TestRootfs.Build(_rootfs.Input(TestRootfs.Container(security))).Spec;

        Assert.Null(spec.Linux.Seccomp);
        Assert.Null(spec.Linux.MaskedPaths);
        Assert.Null(spec.Linux.ReadonlyPaths);
        Assert.Null(spec.Process.ApparmorProfile);
    }

    [Fact]
    public void Build_JoinedUts_LeavesTheHostnameToTheSandbox() =>
        Assert.Null(TestRootfs.Build(_rootfs.Input() with { NamespacePaths = new Dictionary<string, string> { ["uts"] = "/u" } }).Spec.Hostname);

    [Fact]
    public void Build_OomScoreBelowTheFloor_IsRaised() =>
        Assert.Equal(0, TestRootfs.Build(_rootfs.Input(TestRootfs.Container() with { Resources = new() { OomScoreAdj = -997 } })).Spec.Process.OomScoreAdj);

    [Fact]
    public void Build_StopSignal_IsChosen() =>
        Assert.Equal("SIGQUIT", TestRootfs.Build(_rootfs.Input(image: new() { Cmd = ["sh"], StopSignal = "SIGQUIT" })).StopSignal);

    [Theory]
    [InlineData("org.systemd.property.ExecStart")]
    [InlineData("run.oci.hooks.stdout")]
    [InlineData("ORG.CRIU.config")]
    public void Build_AnnotationThatControlsTheRuntime_IsRefused(string key) =>
        TestRootfs.Refused(
            () => TestRootfs.Build(_rootfs.Input() with { Annotations = new Dictionary<string, string> { [key] = "x" } }), RuntimeErrorCode.InvalidArgument);

    [Fact]
    public void Build_SecurityModules_AreAppliedOrRefused()
    {
        var without = TestRootfs.Host;
        var with = without with { HasAppArmor = true };
        var byDefault = new SecurityContext { Apparmor = new(SecurityProfileType.RuntimeDefault, "") };
        Assert.Null(Build(byDefault, without));
        Assert.Null(Build(new(), without));
        Assert.Equal("berth-default", Build(byDefault, with));
        Assert.Equal("berth-default", Build(new(), with));
        Assert.Null(Build(new() { Apparmor = new(SecurityProfileType.Unconfined, "") }, with));
        Assert.Null(Build(byDefault with { Privileged = true }, with));

        // What is asked for by name must be there; what nobody asked for may be missing.
        Assert.Null(Build(new(), with, missing: "no parser"));
        TestRootfs.Refused(() => Build(byDefault, with, missing: "no parser"), RuntimeErrorCode.FailedPrecondition);
        TestRootfs.Refused(() => Build(new() { Apparmor = new(SecurityProfileType.Localhost, "x") }, without), RuntimeErrorCode.FailedPrecondition);
        TestRootfs.Refused(() => Build(new() { Apparmor = new(SecurityProfileType.Localhost, "no-such-profile") }, with), RuntimeErrorCode.FailedPrecondition);

        string? Build(SecurityContext security, HostFacts host, string missing = "") =>
            TestRootfs.Build(_rootfs.Input(TestRootfs.Container(security)) with { AppArmorMissing = missing }, host).Spec.Process.ApparmorProfile;
    }

    [Fact]
    public void ExecProcess_OfAContainer_KeepsItsRights()
    {
        var init = TestRootfs.Build(_rootfs.Input()).Spec.Process;

        var exec = ExecProcess.Create(init, ["ls", "/"], terminal: true);

        Assert.Equal(["ls", "/"], exec.Args);
        Assert.Contains("TERM=xterm", exec.Env);
        Assert.Equal(init.Capabilities, exec.Capabilities);
        TestRootfs.Refused(() => ExecProcess.Create(init, [], terminal: false), RuntimeErrorCode.InvalidArgument);
    }

    [Fact]
    public void HostFacts_OfThisMachine_CanBeRead()
    {
        var host = HostFacts.Read();

        Assert.False(host.BoundingSet.IsEmpty);
        Assert.InRange(host.OomScoreFloor, -1000, 1000);
        Assert.NotEmpty(host.Architecture);
    }
}
