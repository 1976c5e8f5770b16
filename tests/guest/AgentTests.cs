using System.Text.Json.Nodes;
using Berth.Guest.Protocol;
using Berth.Tests.Support;

namespace Berth.Tests.Guest;

/// <summary>The agent in a real machine.</summary>
public sealed class AgentTests(GuestMachine machine, ITestOutputHelper output) : IClassFixture<GuestMachine>
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    private GuestClient Client => machine.Client;

    [Fact]
    public async Task Ping_Tells_TheGuestsHealth()
    {
        var health = (await Client.AskAsync(new() { Ping = new() })).Health!;
        output.WriteLine($"welcome after {machine.BootTime.TotalSeconds:0.00} s, uptime in the guest then {Client.Welcome.UptimeMilliseconds} ms, agent {health.AgentResidentBytes >> 10} KiB, "
            + $"total {health.MemoryTotalBytes >> 20} MiB, available {health.MemoryAvailableBytes >> 20} MiB");
        Assert.InRange(health.AgentResidentBytes, 1, 64 << 20);
    }

    [Fact]
    public async Task Container_Runs_OnTheGuestsKernel_WithItsExitCode()
    {
        var init = await RunAsync("uname", "uname -r; cat /proc/1/comm; echo to-stderr >&2; exit 7");
        var exit = await Client.ExitAsync(init.Number);
        Assert.Equal($"{Client.Welcome.Kernel}\nsh\n", Client.Output(init.Number));
        Assert.Equal("to-stderr\n", Client.Output(init.Number, 2));
        Assert.Equal((7, false), (exit.Code, exit.OutOfMemory));
        await DeleteAsync("uname");
    }

    [Fact]
    public async Task Exec_HasItsOwnStreamsAndExit()
    {
        await RunAsync("exec", "sleep 1000");
        var process = new JsonObject { ["args"] = new JsonArray("sh", "-c", "cat; echo done; exit 3"), ["cwd"] = "/", ["user"] = User(), ["env"] = new JsonArray("PATH=/bin") };
        var exec = (await Client.AskAsync(new() { Exec = new() { ContainerId = "exec", ExecId = "e1", Process = process.ToJsonString(), Stdin = true } })).Process!;
        await Client.SendAsync(FrameKind.Input, exec.Number, OffsetPayload.Input(0, "hello\n"u8));
        await Client.SendAsync(FrameKind.InputEnd, exec.Number, default);
        Assert.Equal(3, (await Client.ExitAsync(exec.Number)).Code);
        Assert.Equal("hello\ndone\n", Client.Output(exec.Number));
        await DeleteAsync("exec");
    }

    [Fact]
    public async Task Signals_AndKills_AreExitCodes()
    {
        var term = await RunAsync("term", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done");
        await Wait.ForAsync(() => Client.Output(term.Number) == "ready\n", Limit);
        await Client.AskAsync(new() { Signal = new("term", null, 15) });
        Assert.Equal(5, (await Client.ExitAsync(term.Number)).Code);
        var kill = await RunAsync("kill", "sleep 1000");
        await Client.AskAsync(new() { Signal = new("kill", null, 9) });
        Assert.Equal(137, (await Client.ExitAsync(kill.Number)).Code);
        await DeleteAsync("term");
        await DeleteAsync("kill");
    }

    [Fact]
    public async Task Terminal_HasTheSizeThatWasSet()
    {
        var init = await CreateAsync("tty", Config("stty size; cat", terminal: true));
        await Client.AskAsync(new() { Resize = new("tty", null, 91, 37) });
        await Client.AskAsync(new() { Start = new("tty") });
        await Wait.ForAsync(() => Client.Output(init.Number).Contains("37 91\r\n", StringComparison.Ordinal), Limit);
        // What is typed before the command reads shows wherever it came.
        await Client.SendAsync(FrameKind.Input, init.Number, OffsetPayload.Input(0, "typed\n"u8));
        await Wait.ForAsync(() => Client.Output(init.Number).Contains("typed\r\ntyped\r\n", StringComparison.Ordinal), Limit);
        await Client.SendAsync(FrameKind.Input, init.Number, OffsetPayload.Input(6, [4]));
        Assert.Equal(0, (await Client.ExitAsync(init.Number)).Code);
        await DeleteAsync("tty");
    }

    [Fact]
    public async Task Files_AreReadBack_AsTheContainerLeftThem()
    {
        var config = Config("cat /message; echo changed > /message");
        config["mounts"]!.AsArray().Add(new JsonObject { ["destination"] = "/message", ["type"] = "bind", ["source"] = $"{GuestPaths.Files("files")}/m", ["options"] = new JsonArray("bind") });
        await Client.AskAsync(new() { WriteFiles = new("files", new Dictionary<string, byte[]> { ["m"] = "given\n"u8.ToArray(), ["in/side"] = "kept"u8.ToArray() }, ["empty"]) });
        var init = await CreateAsync("files", config);
        await Client.AskAsync(new() { Start = new("files") });
        await Client.ExitAsync(init.Number);
        Assert.Equal("given\n", Client.Output(init.Number));
        var files = (await Client.AskAsync(new() { ReadFiles = new("files", ["m", "in/side", "absent"], 6) })).Files!;
        Assert.Equal(["in/side", "m"], files.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(("change", "kept"), (System.Text.Encoding.ASCII.GetString(files["m"]), System.Text.Encoding.ASCII.GetString(files["in/side"])));
        await DeleteAsync("files");
    }

    [Fact]
    public async Task MemoryLimit_Kills_AndIsReported()
    {
        var config = Config("exec dd if=/dev/zero of=/dev/null bs=64M count=1");
        config["linux"]!["resources"] = new JsonObject { ["memory"] = new JsonObject { ["limit"] = 16 << 20 } };
        var init = await CreateAsync("oom", config);
        var stats = (await Client.AskAsync(new() { Stats = new("oom") })).Stats!;
        Assert.Equal(16 << 20, stats.MemoryLimitBytes);
        await Client.AskAsync(new() { Start = new("oom") });
        Assert.True((await Client.ExitAsync(init.Number)).OutOfMemory);
        await DeleteAsync("oom");
    }

    [Fact]
    public async Task Update_AndStats_AreTheKernels()
    {
        await RunAsync("limits", "sleep 1000");
        await Client.AskAsync(new() { Update = new("limits", """{"memory":{"limit":33554432},"pids":{"limit":50}}""") });
        var stats = (await Client.AskAsync(new() { Stats = new("limits") })).Stats!;
        Assert.Equal(32 << 20, stats.MemoryLimitBytes);
        Assert.InRange(stats.Pids, 1, 5);
        Assert.True(stats.CpuNanoseconds > 0 && stats.MemoryCurrentBytes > 0);
        await DeleteAsync("limits");
    }

    [Fact]
    public async Task Port_OfTheGuestsLoopback_IsReached()
    {
        var init = await RunAsync("port", "echo ready; nc -l -p 8080 -e sh -c 'read line; echo got $line'");
        await Wait.ForAsync(() => Client.Output(init.Number) == "ready\n", Limit);
        var number = await Wait.ForAsync(OpenAsync, static n => n is not null, Limit);
        await Client.SendAsync(FrameKind.PortData, number!.Value, "ping\n"u8.ToArray());
        Assert.Equal(FrameKind.PortEnd, await Client.Connection(number.Value).End.Task.WaitAsync(Limit));
        Assert.Equal("got ping\n", Client.Connection(number.Value).Text());
        // With both directions at their end nobody needs to say more.
        await Client.SendAsync(FrameKind.PortEnd, number.Value, default);
        await Wait.ForAsync(async () => (await Client.AskAsync(new() { Ping = new() })).Health!.Connections, static n => n == 0, Limit);
        await DeleteAsync("port");

        async Task<uint?> OpenAsync()
        {
            try
            {
                return (await Client.AskAsync(new() { OpenPort = new(8080) })).Connection;
            }
            catch (GuestException e) when (e.Code == GuestErrorCode.Unavailable)
            {
                return null;
            }
        }
    }

    [Fact]
    public async Task Network_IsWhatThePodHas()
    {
        var configure = new Configure
        {
            Hostname = "pod-7",
            Interfaces = [new("52:54:00:ab:cd:ef", "eth0", 1400, ["10.9.8.7/24", "fd00::7/64"], FirstMac: "52:54:00:12:34:56")],
            Routes = [new("0.0.0.0/0", "10.9.8.1"), new("::/0", "fd00::1")],
            Sysctls = new Dictionary<string, string> { ["net.ipv4.ip_unprivileged_port_start"] = "80" },
        };
        await Client.AskAsync(new() { Configure = configure });
        await Client.AskAsync(new() { Configure = configure });
        var init = await RunAsync("net", "hostname; ip address show eth0; ip route; ip -6 route; cat /proc/sys/net/ipv4/ip_unprivileged_port_start");
        await Client.ExitAsync(init.Number);
        var text = Client.Output(init.Number);
        Assert.StartsWith("pod-7\n", text, StringComparison.Ordinal);
        Assert.All((string[])["52:54:00:ab:cd:ef", "mtu 1400", "inet 10.9.8.7/24", "inet6 fd00::7/64", "default via 10.9.8.1", "default via fd00::1", "\n80\n"], w => Assert.Contains(w, text, StringComparison.Ordinal));
        await DeleteAsync("net");
    }

    [Theory]
    [InlineData("no-such", GuestErrorCode.NotFound)]
    [InlineData("../etc", GuestErrorCode.NotFound)]
    public async Task Unknown_IsSaid(string id, GuestErrorCode code) =>
        Assert.Equal(code, (await Assert.ThrowsAsync<GuestException>(() => Client.AskAsync(new() { Start = new(id) }))).Code);

    [Fact]
    public async Task BadConfig_Fails_AndCanBeRepeated()
    {
        var bad = Config("true");
        bad["process"]!["args"] = new JsonArray("/no/such/program");
        await MountAsync("bad");
        var e = await Assert.ThrowsAsync<GuestException>(() => Client.AskAsync(new() { Create = new() { ContainerId = "bad", Config = bad.ToJsonString().Replace("ROOT", GuestPaths.Rootfs("bad"), StringComparison.Ordinal) } }));
        Assert.Contains("/no/such/program", e.Message, StringComparison.Ordinal);
        await DeleteAsync("bad");
        await DeleteAsync("bad");
    }

    private static JsonObject User() => new() { ["uid"] = 0, ["gid"] = 0 };

    private static JsonObject Config(string script, bool terminal = false) => GuestConfig.Of(script, terminal);

    private Task MountAsync(string id) => GuestConfig.MountAsync(Client, id);

    private Task<GuestProcess> CreateAsync(string id, JsonObject config) => GuestConfig.CreateAsync(Client, id, config);

    private async Task<GuestProcess> RunAsync(string id, string script)
    {
        var init = await CreateAsync(id, Config(script));
        await Client.AskAsync(new() { Start = new(id) });
        return init;
    }

    private Task<GuestResponse> DeleteAsync(string id) => Client.AskAsync(new() { Delete = new(id) });
}
