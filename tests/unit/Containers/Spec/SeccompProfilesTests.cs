using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Spec;
using Berth.Linux;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

public sealed class SeccompProfilesTests : IDisposable
{
    private const string Distribution = "/usr/share/containers/seccomp.json";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("berth-seccomp-");

    private string Profile => Path.Combine(_folder.FullName, "profile.json");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Find_RuntimeDefault_FollowsTheCapabilities()
    {
        var profiles = new SeccompProfiles(Distribution, TestRootfs.Host);

        var plain = profiles.Find(new(SecurityProfileType.RuntimeDefault, ""), CapabilitySet.Empty)!;
        var admin = profiles.Find(new(SecurityProfileType.RuntimeDefault, ""), TestRootfs.Capability("SYS_ADMIN"))!;

        Assert.Equal("SCMP_ACT_ERRNO", ActionOf(plain, "bpf"));
        Assert.Equal("SCMP_ACT_ALLOW", ActionOf(admin, "bpf"));
        Assert.Equal("SCMP_ACT_ALLOW", ActionOf(plain, "read"));
        Assert.Equal(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], plain.Architectures);
        Assert.DoesNotContain(plain.Syscalls, static s => s.Names.Contains("s390_pci_mmio_read"));
    }

    [Fact]
    public void Find_SameFileAndCapabilities_IsEvaluatedOnce()
    {
        Write("""{"defaultAction":"SCMP_ACT_ALLOW"}""");
        var profiles = new SeccompProfiles(Profile, TestRootfs.Host);
        var first = profiles.Find(new(SecurityProfileType.RuntimeDefault, ""), CapabilitySet.Empty);

        Assert.Same(first, profiles.Find(new(SecurityProfileType.RuntimeDefault, ""), CapabilitySet.Empty));

        Write("""{"defaultAction":"SCMP_ACT_LOG"}""");
        Assert.Equal("SCMP_ACT_LOG", profiles.Find(new(SecurityProfileType.RuntimeDefault, ""), CapabilitySet.Empty)!.DefaultAction);
    }

    [Fact]
    public void Find_Unconfined_IsNone()
    {
        var profiles = new SeccompProfiles("/nowhere", TestRootfs.Host);

        Assert.Null(profiles.Find(null, CapabilitySet.Empty));
        Assert.Null(profiles.Find(new(SecurityProfileType.Unconfined, ""), CapabilitySet.Empty));
    }

    [Fact]
    public void Find_DefaultMissing_IsRefusedWithTheRemedy()
    {
        var refused = TestRootfs.Refused(
            () => new SeccompProfiles("/nowhere/x.json", TestRootfs.Host).Find(new(SecurityProfileType.RuntimeDefault, ""), CapabilitySet.Empty),
            RuntimeErrorCode.FailedPrecondition);

        Assert.Contains("/nowhere/x.json", refused.Message, StringComparison.Ordinal);
        Assert.Contains("golang-github-containers-common", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("relative.json", RuntimeErrorCode.InvalidArgument)]
    [InlineData("localhost/relative.json", RuntimeErrorCode.InvalidArgument)]
    [InlineData("/x/../etc/passwd", RuntimeErrorCode.InvalidArgument)]
    [InlineData("/etc", RuntimeErrorCode.InvalidArgument)]
    [InlineData("/dev/zero", RuntimeErrorCode.InvalidArgument)]
    [InlineData("/nowhere.json", RuntimeErrorCode.FailedPrecondition)]
    public void Find_BadLocalhost_IsRefused(string reference, RuntimeErrorCode code) => TestRootfs.Refused(() => Localhost(reference), code);

    [Fact]
    public void Find_DockerForm_IsEvaluated()
    {
        Write(
            """
            {
              "defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "EPERM", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"], "comment": "x",
              "syscalls": [
                { "name": "read", "action": "SCMP_ACT_ALLOW", "errnoRet": 5 },
                { "names": ["new"], "action": "SCMP_ACT_ALLOW", "includes": { "minKernel": "99.1" } },
                { "names": ["old"], "action": "SCMP_ACT_ALLOW", "includes": { "minKernel": "4.8" } },
                { "names": ["arm"], "action": "SCMP_ACT_ALLOW", "includes": { "arches": ["arm64"] } },
                { "names": ["notx86"], "action": "SCMP_ACT_ALLOW", "excludes": { "arches": ["amd64"] } },
                { "names": ["same"], "action": "SCMP_ACT_ERRNO", "errno": "EPERM" },
                { "names": ["other"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38 },
                { "names": ["arg"], "action": "SCMP_ACT_ALLOW", "args": [ { "index": 1, "value": 18446744073709551615, "op": "SCMP_CMP_EQ" } ] }
              ]
            }
            """);

        var filter = Localhost("localhost/" + Profile)!;

        Assert.Equal(["read", "old", "other", "arg"], filter.Syscalls.Select(static s => s.Names[0]));
        Assert.Equal(["SCMP_ARCH_X86_64"], filter.Architectures);
        Assert.Null(filter.Syscalls[0].ErrnoRet);
        Assert.Equal((1u, 38u), (filter.DefaultErrnoRet, filter.Syscalls[2].ErrnoRet));
        Assert.Equal(ulong.MaxValue, filter.Syscalls[3].Args![0].Value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"defaultAction":"SCMP_ACT_NOTIFY"}""")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/run/x"}""")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"action":"SCMP_ACT_ERRNO"}]}""")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"X"}]}""")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[null],"action":"SCMP_ACT_ERRNO"}]}""")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","errno":"ENONSENSE"}]}""")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","args":[{"index":6,"op":"SCMP_CMP_EQ"}]}]}""")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","args":[{"index":-1,"op":"SCMP_CMP_EQ"}]}]}""")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","includes":{"minKernel":"x"}}]}""")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_S390"]}""")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],"archMap":[{"architecture":"SCMP_ARCH_X86_64"}]}""")]
    public void Find_BadProfile_IsRefusedByItsPath(string json)
    {
        Write(json);

        Assert.Contains(Profile, TestRootfs.Refused(() => Localhost(Profile), RuntimeErrorCode.InvalidArgument).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Find_DeepJson_IsRefused()
    {
        Write(new string('[', 100_000));

        TestRootfs.Refused(() => Localhost(Profile), RuntimeErrorCode.InvalidArgument);
    }

    [Fact]
    public void Find_HugeProfileIsRefusedUnread()
    {
        using (var file = File.Create(Profile))
        {
            file.SetLength(1L << 40);
        }

        TestRootfs.Refused(() => Localhost(Profile), RuntimeErrorCode.InvalidArgument);
    }

    [Fact]
    public void Find_AnyCapabilities_NeverAllowMoreThanAll()
    {
        var profiles = new SeccompProfiles(Distribution, TestRootfs.Host);
        var most = profiles.Find(new(SecurityProfileType.RuntimeDefault, ""), CapabilitySet.All)!;

        Gen.ULong[0, CapabilitySet.All.Bits].Sample(
            bits => Assert.Subset(Allowed(most), Allowed(profiles.Find(new(SecurityProfileType.RuntimeDefault, ""), new(bits))!)), iter: 100, threads: 1);
    }

    private static HashSet<string> Allowed(OciSeccomp filter) =>
        [.. filter.Syscalls.Where(static s => s is { Action: "SCMP_ACT_ALLOW", Args: null }).SelectMany(static s => s.Names)];

    private static string ActionOf(OciSeccomp filter, string syscall) => Assert.Single(filter.Syscalls, s => s.Args is null && s.Names.Contains(syscall)).Action;

    private static OciSeccomp? Localhost(string reference) =>
        new SeccompProfiles(Distribution, TestRootfs.Host).Find(new(SecurityProfileType.Localhost, reference), CapabilitySet.Empty);

    private void Write(string json) => File.WriteAllText(Profile, json);
}
