using System.Text.Json;
using Berth.Abstractions;
using Xunit;

namespace Berth.Tests.Unit.Network;

public sealed class CniInvokerTests : IDisposable
{
    private const string GoodResult =
        """{"cniVersion":"1.0.0","interfaces":[{"name":"br0"},{"name":"eth0","mac":"02:00:00:00:00:01","sandbox":"/x"}],"ips":[{"interface":1,"address":"10.1.2.3/24","gateway":"10.1.2.1"}],"routes":[{"dst":"0.0.0.0/0"}],"dns":{}}""";

    private readonly CniFixture _cni = new();

    public CniInvokerTests()
    {
        _cni.Script("first", $$"""echo "$CNI_COMMAND first" >> $LOG; cat > $DIR/first.$CNI_COMMAND; echo '{{GoodResult}}'""");
        _cni.Script("second", $$"""echo "$CNI_COMMAND second" >> $LOG; cat > $DIR/second.$CNI_COMMAND; env > $DIR/env; [ $CNI_COMMAND = DEL ] || echo '{{GoodResult}}'""");
    }

    public void Dispose() => _cni.Dispose();

    [Fact]
    public async Task Add_TwoPlugins_RunsInOrderWithPreviousResult()
    {
        var result = await _cni.Invoker().AddAsync(CniFixture.Request(CniFixture.List("first", "second")), default);

        Assert.Equal(["ADD first", "ADD second"], _cni.Log);
        var input = Input("second.ADD");
        Assert.Equal("net", input.GetProperty("name").GetString());
        Assert.Equal("1.0.0", input.GetProperty("cniVersion").GetString());
        Assert.Equal("10.1.2.3/24", input.GetProperty("prevResult").GetProperty("ips")[0].GetProperty("address").GetString());
        Assert.False(Input("first.ADD").TryGetProperty("prevResult", out _));
        Assert.Equal(["10.1.2.3"], result.Ips);
        Assert.Equal(["eth0"], result.Network.Interfaces.Select(static i => i.Name));
        Assert.Equal("02:00:00:00:00:01", result.Network.Interfaces[0].MacAddress);
        Assert.Equal([new PodRoute("0.0.0.0/0", null)], result.Network.Routes);
    }

    [Fact]
    public async Task Add_Environment_IsThatOfTheSpecificationAndNothingElse()
    {
        Environment.SetEnvironmentVariable("BERTH_TEST_SECRET", "leaks");
        await _cni.Invoker().AddAsync(CniFixture.Request(CniFixture.List("second")), default);

        var environment = File.ReadAllLines(Path.Combine(_cni.Root, "env"));
        Assert.Contains("CNI_COMMAND=ADD", environment);
        Assert.Contains("CNI_CONTAINERID=0123456789abcdef", environment);
        Assert.Contains("CNI_NETNS=/proc/self/ns/net", environment);
        Assert.Contains("CNI_IFNAME=eth0", environment);
        Assert.Contains("CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=0123456789abcdef;K8S_POD_UID=uid-1", environment);
        Assert.Contains($"CNI_PATH={_cni.BinDir}:/usr/lib/cni", environment);
        Assert.DoesNotContain(environment, static e => e.Contains("BERTH_TEST_SECRET", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Add_RuntimeConfig_OnlyForDeclaredCapabilities()
    {
        var config = CniFixture.List("""{"type":"first","capabilities":{"portMappings":true,"dns":false}}""", "second");
        await _cni.Invoker().AddAsync(
            CniFixture.Request(config) with
            {
                PortMappings = [new("tcp", 80, 8080, "127.0.0.1"), new("tcp", 81, 0, "")],
                DnsServers = ["10.0.0.10"],
            }, default);

        var first = Input("first.ADD");
        var mapping = Assert.Single(first.GetProperty("runtimeConfig").GetProperty("portMappings").EnumerateArray());
        Assert.Equal("""{"hostPort":8080,"containerPort":80,"protocol":"tcp","hostIP":"127.0.0.1"}""", mapping.GetRawText());
        Assert.False(first.GetProperty("runtimeConfig").TryGetProperty("dns", out _));
        Assert.False(first.TryGetProperty("capabilities", out _));
        Assert.False(Input("second.ADD").TryGetProperty("runtimeConfig", out _));
    }

    [Theory]
    [InlineData("0.3.1", false)]
    [InlineData("0.4.0", true)]
    public async Task Delete_AfterAdd_RunsInReverseWithCachedResult(string version, bool takesResult)
    {
        await _cni.Invoker().DeleteAsync(CniFixture.Request(CniFixture.ListOf(version, "first", "second")), GoodResult, default);

        Assert.Equal(["DEL second", "DEL first"], _cni.Log);
        Assert.Equal(takesResult, Input("first.DEL").TryGetProperty("prevResult", out _));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("/nonexistent/netns")]
    [InlineData("/etc/passwd")]
    public async Task Delete_NamespaceGone_NamesNone(string? netns)
    {
        await _cni.Invoker().DeleteAsync(CniFixture.Request(CniFixture.List("second"), netns), null, default);

        Assert.Contains("CNI_NETNS=", File.ReadAllLines(Path.Combine(_cni.Root, "env")));
    }

    [Fact]
    public async Task Add_SecondFails_ErrorIsReportedAndDeleteStillRunsAll()
    {
        _cni.Script("bad", """echo "$CNI_COMMAND bad" >> $LOG; [ $CNI_COMMAND = DEL ] && exit 0; echo '{"cniVersion":"1.0.0","code":11,"msg":"pool is empty","details":"10.1.2.0/24"}'; exit 1""");
        var request = CniFixture.Request(CniFixture.List("first", "bad"));

        var failure = await Assert.ThrowsAsync<RuntimeException>(() => _cni.Invoker().AddAsync(request, default));
        await _cni.Invoker().DeleteAsync(request, null, default);

        Assert.Equal("CNI plugin 'bad' of network 'net', ADD of pod default/web: pool is empty: 10.1.2.0/24 (code 11)", failure.Message);
        Assert.Equal(RuntimeErrorCode.Unavailable, failure.Code);
        Assert.Equal(["ADD first", "ADD bad", "DEL bad", "DEL first"], _cni.Log);
    }

    [Fact]
    public async Task Delete_OneFails_TheOthersAreTriedAndAllFailuresReported()
    {
        _cni.Script("bad", "echo 'no such \u001b thing' >&2; exit 3");

        var failure = await Assert.ThrowsAsync<RuntimeException>(
            () => _cni.Invoker().DeleteAsync(CniFixture.Request(CniFixture.List("first", "bad", "missing")), null, default));

        Assert.Equal(["DEL first"], _cni.Log);
        Assert.Contains("exit status 3: no such   thing", failure.Message, StringComparison.Ordinal);
        Assert.Contains("'missing'", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Add_PluginHangs_IsKilledWithItsChildrenAtTheDeadline()
    {
        _cni.Script("hang", "echo $$ >> $LOG; sleep 1000 & echo $! >> $LOG; wait");

        var failure = await Assert.ThrowsAsync<RuntimeException>(
            () => _cni.Invoker(TimeSpan.FromSeconds(2)).AddAsync(CniFixture.Request(CniFixture.List("hang")), default));

        Assert.Equal(RuntimeErrorCode.DeadlineExceeded, failure.Code);
        Assert.Equal(2, _cni.Log.Count);
        Assert.All(_cni.Log, static pid => Assert.True(IsGone(pid), $"process {pid} lives"));
    }

    // As a gateway that was killed within it leaves it.
    [Fact]
    public async Task Delete_WhileAnAddGoesOn_EndsItFirst()
    {
        _cni.Script("slow", """
            [ "$CNI_COMMAND" = ADD ] && { setsid sleep 1000 >/dev/null 2>&1 & echo $! > $DIR/left; exit 1; }
            [ -e /proc/$(cat $DIR/left)/exe ] && echo it lives >> $LOG; exit 0
            """);
        var request = CniFixture.Request(CniFixture.List("slow"));
        await Assert.ThrowsAsync<RuntimeException>(() => _cni.Invoker().AddAsync(request, default));

        await _cni.Invoker().DeleteAsync(request, null, default);

        Assert.Empty(_cni.Log);
    }

    [Fact]
    public async Task Delete_OneHangs_TheOthersHaveTheirTime()
    {
        _cni.Script("hang", "exec sleep 1000");

        var failure = await Assert.ThrowsAsync<RuntimeException>(
            () => _cni.Invoker(TimeSpan.FromSeconds(4)).DeleteAsync(CniFixture.Request(CniFixture.List("first", "hang")), "no JSON", default));

        Assert.Equal(RuntimeErrorCode.DeadlineExceeded, failure.Code);
        Assert.Equal(["DEL first"], _cni.Log);
    }

    [Fact]
    public async Task Add_CallerGivesUp_IsCancelled()
    {
        _cni.Script("hang", "exec sleep 1000");
        using var caller = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => _cni.Invoker().AddAsync(CniFixture.Request(CniFixture.List("hang")), caller.Token));
    }

    [Fact]
    public async Task Add_EndlessOutput_IsKilledAndRefused()
    {
        _cni.Script("flood", "exec head -c 100000000 /dev/zero");

        var failure = await Assert.ThrowsAsync<RuntimeException>(() => _cni.Invoker().AddAsync(CniFixture.Request(CniFixture.List("flood")), default));

        Assert.Contains("more than 1048576 bytes", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("echo garbage")]
    [InlineData("echo '[1]'")]
    [InlineData("echo '{\"ips\":[],\"ips\":[]}'")]
    [InlineData("true")]
    [InlineData("echo '{}'")]
    public async Task Add_ResultIsNoResult_IsRefused(string body)
    {
        _cni.Script("odd", body);

        var failure = await Assert.ThrowsAsync<RuntimeException>(() => _cni.Invoker().AddAsync(CniFixture.Request(CniFixture.List("odd")), default));

        Assert.Equal(RuntimeErrorCode.Internal, failure.Code);
        Assert.Contains("default/web", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Add_PodNameWithSeparators_IsRefusedBeforeAnyPluginRuns()
    {
        var request = CniFixture.Request(CniFixture.List("first")) with { PodName = "web;K8S_POD_NAMESPACE=kube-system" };

        var failure = await Assert.ThrowsAsync<RuntimeException>(() => _cni.Invoker().AddAsync(request, default));
        await _cni.Invoker().DeleteAsync(request, null, default);

        Assert.Equal(RuntimeErrorCode.InvalidArgument, failure.Code);
        Assert.Empty(_cni.Log);
    }

    private JsonElement Input(string file) => JsonElement.Parse(File.ReadAllText(Path.Combine(_cni.Root, file)));

    // A killed grandchild stays in the table as a zombie until init reaps it.
    private static bool IsGone(string pid) =>
        !File.Exists($"/proc/{pid}/stat") || File.ReadAllText($"/proc/{pid}/stat").Split(") ")[1][0] is 'Z' or 'X';
}
