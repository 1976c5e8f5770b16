using Berth.Containers.Spec;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

public sealed class SelinuxLabelsTests : IDisposable
{
    private const string Pod = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    private static readonly HostFacts Host = TestRootfs.Host with { Selinux = new("system_u:system_r:container_t:s0", "system_u:object_r:container_file_t:s0") };
    private readonly TestRootfs _rootfs = new();

    [Fact]
    public void Labels_WithoutSelinux_AreNone() => Assert.Null(SelinuxLabels.Of(new() { Selinux = new("", "", "spc_t", "s0") }, TestRootfs.Host, Pod));

    [Fact]
    public void Labels_OfAPod_HaveTwoCategoriesOfItsOwn()
    {
        var labels = SelinuxLabels.Of(new(), Host, Pod)!;
        Assert.Matches(@"\Asystem_u:system_r:container_t:s0:c\d+,c\d+\z", labels.Process);
        Assert.Equal(labels.Process.Replace("system_r:container_t", "object_r:container_file_t", StringComparison.Ordinal), labels.Mount);
        Assert.Equal(labels, SelinuxLabels.Of(new(), Host, Pod));
        Assert.NotEqual(labels, SelinuxLabels.Of(new(), Host, Pod.Replace('0', '1')));
        var categories = labels.Process.Split(":s0:c")[1].Split(",c").Select(int.Parse).ToList();
        Assert.True(categories[0] < categories[1] && categories[1] < 1024);
    }

    [Fact]
    public void Labels_ThatAreAskedFor_ReplaceThoseOfThePolicy()
    {
        Assert.Equal(
            new("user_u:role_r:spc_t:s0:c1,c2", "user_u:object_r:container_file_t:s0:c1,c2"),
            SelinuxLabels.Of(new() { Selinux = new("user_u", "role_r", "spc_t", "s0:c1,c2"), Privileged = true }, Host, Pod));
        Assert.Null(SelinuxLabels.Of(new() { Privileged = true }, Host, Pod));
    }

    [Fact]
    public void Build_WithLabels_PutsThemIntoTheSpec()
    {
        var spec = TestRootfs.Build(_rootfs.Input() with { Selinux = new("u:r:p:s0", "u:r:f:s0") }, Host).Spec;
        Assert.Equal(("u:r:p:s0", "u:r:f:s0"), (spec.Process.SelinuxLabel, spec.Linux.MountLabel));
        var json = System.Text.Encoding.UTF8.GetString(OciJson.Write(spec));
        Assert.Contains("\"selinuxLabel\":\"u:r:p:s0\"", json, StringComparison.Ordinal);
        Assert.Contains("\"mountLabel\":\"u:r:f:s0\"", json, StringComparison.Ordinal);
        Assert.DoesNotContain("elinux", System.Text.Encoding.UTF8.GetString(OciJson.Write(TestRootfs.Build(_rootfs.Input()).Spec)), StringComparison.Ordinal);
    }

    [Fact]
    public void Policy_IsReadFromItsFiles_OrIsTheUsualOne()
    {
        using var etc = new TempFolder();
        Assert.Equal("system_u:system_r:container_t:s0", SelinuxPolicy.Read(etc.Path).Process);
        var contexts = Directory.CreateDirectory(Path.Combine(etc.Path, "mls", "contexts")).FullName;
        File.WriteAllText(Path.Combine(etc.Path, "config"), "# SELINUXTYPE=no\nSELINUX=enforcing\nSELINUXTYPE=mls\n");
        File.WriteAllText(Path.Combine(contexts, "lxc_contexts"), "process = \"a_u:a_r:a_t:s1\"\nfile = \"broken\"\n");
        Assert.Equal(new("a_u:a_r:a_t:s1", "system_u:object_r:container_file_t:s0"), SelinuxPolicy.Read(etc.Path));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/etc/")]
    [InlineData("/var/lib")]
    public void Relabel_OfTheNodesOwnFolders_IsRefused(string path) => TestRootfs.Refused(
        () => SelinuxRelabel.Apply([new() { ContainerPath = "/data", HostPath = path, SelinuxRelabel = true }], "u:r:f:s0"), Abstractions.RuntimeErrorCode.InvalidArgument);

    public void Dispose() => _rootfs.Dispose();
}
