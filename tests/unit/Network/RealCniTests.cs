using System.Net;
using Berth.Linux;
using Berth.Network;
using Xunit;

namespace Berth.Tests.Unit.Network;

/// <summary>
/// The standard plugins, run against a network namespace that plays the host: bridge, rules and chains end with it, and the
/// real host sees none of them.
/// </summary>
public sealed class RealCniTests : IDisposable
{
    private readonly CniFixture _cni = new();
    private readonly string _host;
    private readonly string _pod;
    private readonly CniRequest _request;

    public RealCniTests()
    {
        _host = MakeNamespace("host");
        _pod = MakeNamespace("pod");
        _cni.Script("bridge", "exec nsenter --net=$DIR/host /usr/lib/cni/bridge");
        _cni.Script("portmap", "exec nsenter --net=$DIR/host /usr/lib/cni/portmap");
        var config = CniBridgeConfig.Create("brtunit", IPNetwork.Parse("10.222.9.0/24"), LeaseDir);
        _request = CniFixture.Request(config, _pod) with { SandboxId = "fedcba9876543210", PortMappings = [new("tcp", 80, 18080, "")] };
    }

    private string LeaseDir => Path.Combine(_cni.Root, "leases");

    public void Dispose() => _cni.Dispose();

    [Fact]
    public async Task AddAndDelete_BridgeAndPortmap_MakeAndUnmakeThePodsNetwork()
    {
        var result = await _cni.Invoker().AddAsync(_request, default);

        Assert.Equal(["10.222.9.2"], result.Ips);
        var eth0 = Assert.Single(result.Network.Interfaces);
        Assert.Equal(["10.222.9.2/24"], eth0.Addresses);
        Assert.Contains(eth0.MacAddress!, await InAsync(_pod, "ip", "link", "show", "eth0"), StringComparison.Ordinal);
        Assert.Contains("18080", await InAsync(_host, "iptables", "-t", "nat", "-S"), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(LeaseDir, "brtunit", "10.222.9.2")));

        await _cni.Invoker().DeleteAsync(_request, result.RawResult, default);
        await AssertDetachedAsync();

        await _cni.Invoker().DeleteAsync(_request, result.RawResult, default);
    }

    [Fact]
    public async Task Delete_NamespaceGone_GivesTheAddressBack()
    {
        var result = await _cni.Invoker().AddAsync(_request, default);
        Mounts.Unmount(_pod);

        await _cni.Invoker().DeleteAsync(_request, result.RawResult, default);

        Assert.False(File.Exists(Path.Combine(LeaseDir, "brtunit", "10.222.9.2")));
        Assert.DoesNotContain("18080", await InAsync(_host, "iptables", "-t", "nat", "-S"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delete_AfterHalfAnAdd_LeavesNothing()
    {
        _cni.Script("portmap", "[ $CNI_COMMAND = ADD ] && exit 1; exec nsenter --net=$DIR/host /usr/lib/cni/portmap");
        await Assert.ThrowsAsync<Berth.Abstractions.RuntimeException>(() => _cni.Invoker().AddAsync(_request, default));
        Assert.True(File.Exists(Path.Combine(LeaseDir, "brtunit", "10.222.9.2")));

        await _cni.Invoker().DeleteAsync(_request, null, default);

        await AssertDetachedAsync();
    }

    private async Task AssertDetachedAsync()
    {
        Assert.False(File.Exists(Path.Combine(LeaseDir, "brtunit", "10.222.9.2")));
        Assert.DoesNotContain("veth", await InAsync(_host, "ip", "link"), StringComparison.Ordinal);
        var rules = await InAsync(_host, "iptables", "-t", "nat", "-S");
        Assert.DoesNotContain("10.222.9.2", rules, StringComparison.Ordinal);
        Assert.DoesNotContain("18080", rules, StringComparison.Ordinal);
    }

    private string MakeNamespace(string name)
    {
        var path = Path.Combine(_cni.Root, name);
        File.WriteAllText(path, "");
        Namespaces.Create(new() { Network = path });
        return path;
    }

    private static async Task<string> InAsync(string netns, params string[] command)
    {
        var result = await CommandRunner.RunAsync(new() { Path = "nsenter", Arguments = [$"--net={netns}", .. command] }, null, 1 << 20, default);
        Assert.True(result.ExitCode == 0, result.Error);
        return result.OutputText;
    }
}
