using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Spec;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

public sealed class ContainerSpecValidatorTests
{
    private static readonly ContainerSpec Good = TestRootfs.Container() with { Command = ["sh"], LogPath = "main/0.log" };

    [Fact]
    public void Check_Good_Passes() => ContainerSpecValidator.Check(Good);

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData("a\nb")]
    [InlineData("a\0")]
    public void Check_BadName_IsRefused(string name) => Refused(Good with { Name = name });

    [Theory]
    [InlineData("/var/log/x")]
    [InlineData("../x")]
    [InlineData("a/../../x")]
    [InlineData("a/")]
    [InlineData("a\nb")]
    public void Check_LogPathOutside_IsRefused(string path) => Refused(Good with { LogPath = path });

    [Fact]
    public void Check_TooMuch_IsRefused()
    {
        Refused(Good with { Name = new('x', 254) });
        Refused(Good with { Annotations = new Dictionary<string, string> { ["a"] = new('x', 10_000_000) } });
        Refused(Good with { Labels = Enumerable.Range(0, 5000).ToDictionary(static i => $"l{i}", static _ => "") });
        Refused(Good with { Environment = [.. Enumerable.Range(0, 50_000).Select(static i => KeyValuePair.Create($"E{i}", ""))] });
        Refused(Good with { Mounts = [.. Enumerable.Repeat(new MountSpec { ContainerPath = "/a", HostPath = "/b" }, 100_000)] });
        Refused(Good with { Args = [new('x', 200_000)] });
        Refused(Good with { Image = new('x', 5000) });
        Refused(Good with { Devices = [.. Enumerable.Repeat(new DeviceSpec("/dev/null", "/dev/null", "r"), 5000)] });
        Refused(Good with { Security = new() { SupplementalGroups = [.. Enumerable.Repeat(1L, 70_000)] } });
    }

    [Fact]
    public void Check_Contradictions_AreRefused()
    {
        Refused(Good with { Image = "" });
        Refused(Good with { StopSignal = "SIGNONE" });
        Refused(Good with { Resources = new() { OomScoreAdj = -1001 } });
        Refused(Good with { Security = new() { RunAsUser = 1, RunAsUsername = "web" } });
        Refused(Good with { Security = new() { RunAsGroup = 1 } });
        Refused(Good with { Security = new() { Namespaces = new() { Pid = NamespaceMode.Target } } });
        Refused(Good with { Security = new() { Namespaces = new() { Network = NamespaceMode.Container } } });
        Refused(Good with { Mounts = [new() { ContainerPath = "/a", HostPath = "/b", Image = "c" }] });
        Refused(Good with { Mounts = [new() { ContainerPath = "/a/../..", HostPath = "/b" }] });
        Refused(Good with { Mounts = [new() { ContainerPath = "/a", HostPath = "/b" }, new() { ContainerPath = "/a/", HostPath = "/c" }] });
    }

    [Theory]
    [InlineData("/var/log/pods/x/", "main/0.log", "/var/log/pods/x/main/0.log")]
    [InlineData("", "main/0.log", "")]
    [InlineData("/var/log", "", "")]
    public void LogFile_Resolve_LiesBeneathTheDirectory(string directory, string path, string expected) =>
        Assert.Equal(expected, LogFile.Resolve(directory, path));

    [Theory]
    [InlineData("var/log", "0.log")]
    [InlineData("/var/../log", "0.log")]
    [InlineData("/var/log", "../0.log")]
    public void LogFile_ResolveOutside_IsRefused(string directory, string path) =>
        TestRootfs.Refused(() => LogFile.Resolve(directory, path), RuntimeErrorCode.InvalidArgument);

    private static void Refused(ContainerSpec container) =>
        TestRootfs.Refused(() => ContainerSpecValidator.Check(container), RuntimeErrorCode.InvalidArgument);
}
