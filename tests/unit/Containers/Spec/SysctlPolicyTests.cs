using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Spec;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

public sealed class SysctlPolicyTests
{
    private static readonly NamespaceModes Pod = new();
    private static readonly NamespaceModes Host = new() { Network = NamespaceMode.Node, Ipc = NamespaceMode.Node };

    [Fact]
    public void Create_NothingAsked_LetsPodsServeLowPortsAndPing()
    {
        Assert.Equal(
            [new("net/ipv4/ip_unprivileged_port_start", "0"), new("net/ipv4/ping_group_range", "0 2147483647")],
            SysctlPolicy.Create(new Dictionary<string, string>(), Pod));
        Assert.Empty(SysctlPolicy.Create(new Dictionary<string, string>(), Host));
    }

    [Theory]
    [InlineData("net.ipv4.ip_forward", "1", "net/ipv4/ip_forward")]
    [InlineData("net/ipv4/conf/eth0.100/rp_filter", "2", "net/ipv4/conf/eth0.100/rp_filter")]
    [InlineData("net.ipv4.conf.eth0/100.rp_filter", "2", "net/ipv4/conf/eth0.100/rp_filter")]
    [InlineData("net.ipv4.tcp_rmem", "4096 87380\t6291456", "net/ipv4/tcp_rmem")]
    [InlineData("net.ipv4.ping_group_range", "1 2", "net/ipv4/ping_group_range")]
    [InlineData("kernel.shm_rmid_forced", "1", "kernel/shm_rmid_forced")]
    [InlineData("kernel/sem", "250 32000 32 128", "kernel/sem")]
    [InlineData("fs.mqueue.msg_max", "10", "fs/mqueue/msg_max")]
    public void Create_OfAPrivateNamespace_IsWritten(string key, string value, string path) =>
        Assert.Contains(new KeyValuePair<string, string>(path, value), SysctlPolicy.Create(new Dictionary<string, string> { [key] = value }, Pod));

    [Theory]
    [InlineData("kernel.core_pattern")]
    [InlineData("kernel.semaphore")]
    [InlineData("kernel.sem.x")]
    [InlineData("kernel.shm.x")]
    [InlineData("kernel.hostname")]
    [InlineData("vm.overcommit_memory")]
    [InlineData("net")]
    [InlineData("net.")]
    [InlineData("netx.ipv4")]
    [InlineData("net/../kernel/core_pattern")]
    [InlineData("net.ipv4.//.kernel")]
    [InlineData("net./../kernel")]
    [InlineData("/net/ipv4/ip_forward")]
    [InlineData("fs.mqueue")]
    [InlineData("")]
    [InlineData("net.ipv4.ip_forward\n")]
    [InlineData("net.ipv4 .x")]
    public void Create_NotOfANamespace_IsRefused(string key) =>
        TestRootfs.Refused(() => SysctlPolicy.Create(new Dictionary<string, string> { [key] = "1" }, Pod), RuntimeErrorCode.InvalidArgument);

    [Theory]
    [InlineData("1+kernel.core_pattern=|/x")]
    [InlineData("1\nkernel.core_pattern")]
    [InlineData("1\0")]
    [InlineData("|/bin/sh")]
    [InlineData("")]
    public void Create_HostileValue_IsRefused(string value) =>
        TestRootfs.Refused(
            () => SysctlPolicy.Create(new Dictionary<string, string> { ["kernel.shm_rmid_forced"] = value }, Pod), RuntimeErrorCode.InvalidArgument);

    [Theory]
    [InlineData("net.ipv4.ip_forward")]
    [InlineData("kernel.shmmax")]
    [InlineData("fs.mqueue.msg_max")]
    public void Create_OnTheHostsNamespace_IsRefused(string key) =>
        TestRootfs.Refused(() => SysctlPolicy.Create(new Dictionary<string, string> { [key] = "1" }, Host), RuntimeErrorCode.InvalidArgument);

    [Fact]
    public void Create_SameKeyInBothForms_IsRefusedWhenTheyDiffer() =>
        TestRootfs.Refused(
            () => SysctlPolicy.Create(new Dictionary<string, string> { ["net.core.somaxconn"] = "1", ["net/core/somaxconn"] = "2" }, Pod),
            RuntimeErrorCode.InvalidArgument);

    [Fact]
    public void Create_AnyKey_StaysBeneathItsNamespace() =>
        Gen.String[Gen.Char["./netkrlshmfqu_2"], 1, 20].Sample(static key =>
        {
            try
            {
                Assert.All(SysctlPolicy.Create(new Dictionary<string, string> { [key] = "1" }, Pod), static pair =>
                {
                    Assert.DoesNotContain("..", pair.Key.Split('/'));
                    Assert.Matches(@"^(net/|kernel/(shm|msg|sem$)|fs/mqueue/)", pair.Key);
                });
            }
            catch (RuntimeException e)
            {
                Assert.Equal(RuntimeErrorCode.InvalidArgument, e.Code);
            }
        });
}
