using System.Text.Json.Nodes;
using Berth.Cli;
using Berth.Plugins.Signatures;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>A vendor's signed plugin on a node: `berth plugin ...` against a gateway that runs, with pods on it, and takes no unsigned one.</summary>
public sealed class PluginInstallTests(Suite suite) : IDisposable
{
    private readonly TempFolder _folder = new("/var/lib");
    private readonly StringWriter _output = new();

    private string Installed => _folder.Folder("plugins");

    private string Key => _folder["vendor.key"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task SignedVersions_InstallRefuseRollBackDisable_UnderRunningPods()
    {
        await suite.RequireAsync("runc");
        var publicKey = Convert.ToBase64String(SigningKey.Create(Key));
        // Berth's own plugins, where they were built; everybody else's need a signature.
        await using var gateway = await suite.OwnGatewayAsync(settings => settings["plugins"] = new JsonObject
        {
            ["folders"] = new JsonArray(Repository.Plugins, Installed),
            ["signatures"] = new JsonObject { ["keys"] = new JsonObject { ["vendor"] = new JsonObject { ["publicKey"] = publicKey } } },
        });

        await RunAsync(gateway, 0, $"install {await PackAsync("1.0.0", 1)}", "the gateway has it in force", "signed by vendor", "handler hot is ready");
        await using var old = await TestPod.RunAsync(gateway.Client, gateway.Logs, "hot");
        var idle = await old.StartAsync(Requests.Idle());

        // Refused by the gateway: its self-test fails. The link is back where it was, for the next start too.
        await RunAsync(gateway, 1, $"install {await PackAsync("1.1.0", 1, static json => json["handlers"]!["hot"]!["options"]!["path"] = "/bin/false")}", "the gateway refuses hot 1.1.0", "self-test failed", "1.0.0 is in place again");
        Assert.Contains("-1.0.0-", Target(), StringComparison.Ordinal);
        Assert.Equal("Active", (await HotPluginTests.OfAsync(gateway, "1.0.0")).State);
        Assert.Equal("", (await HotPluginTests.OfAsync(gateway, "1.1.0")).State);

        // Refused for its signature, also by the gateway itself where somebody goes around the command.
        var tampered = _folder["tampered"];
        new HotPlugin(_folder.Path, "hot").Write(tampered, "1.1.1");
        await RunAsync(gateway, 1, $"install {tampered}", "it is not signed");
        await SignAsync(tampered);
        File.AppendAllText(Path.Combine(tampered, "Berth.Plugins.Oci.dll"), "more");
        await RunAsync(gateway, 1, $"install {tampered}", "its signature is of other content");
        Directory.Move(tampered, Path.Combine(Installed, "hot-by-hand"));
        var refused = await Wait.ForAsync(
            async () => (await gateway.Client.Admin.ListPluginsAsync(new())).Plugins.FirstOrDefault(static p => p.Version == "1.1.1"), static p => p is { State: "Failed" }, TimeSpan.FromSeconds(60));
        Assert.Contains("its signature is of other content", refused!.Reason, StringComparison.Ordinal);
        Assert.Contains("its signature is of other content", gateway.Log, StringComparison.Ordinal);
        Assert.Equal("Active", (await HotPluginTests.OfAsync(gateway, "1.0.0")).State);
        Directory.Delete(Path.Combine(Installed, "hot-by-hand"), recursive: true);

        // A version that does not read the records of the first: its pods stay with it.
        await RunAsync(gateway, 0, $"install {await PackAsync("1.2.0", 2)}", "is in the place of 1.0.0", "1 pod stays with version 1.0.0");
        Assert.Equal("hot 1.0.0", await HotPluginTests.PluginOfAsync(gateway, old));
        await using var middle = await TestPod.RunAsync(gateway.Client, gateway.Logs, "hot");
        Assert.Equal("hot 1.2.0", await HotPluginTests.PluginOfAsync(gateway, middle));

        await RunAsync(gateway, 0, "list", "1.2.0", "Active", "signed by vendor", "shipped");
        await RunAsync(gateway, 0, "rollback hot", "hot 1.0.0 is in the place of 1.2.0");
        // It reads what the other has written.
        Assert.Equal("hot 1.0.0", await HotPluginTests.PluginOfAsync(gateway, middle));
        await RunAsync(gateway, 0, "rollback hot", "hot 1.0.0 was there already");
        await using var later = await TestPod.RunAsync(gateway.Client, gateway.Logs, "hot");
        Assert.Equal("hot 1.0.0", await HotPluginTests.PluginOfAsync(gateway, later));

        await RunAsync(gateway, 0, "disable hot --reason leaks-memory", "3 pods of it run on");
        var e = await Assert.ThrowsAsync<RpcException>(() => TestPod.RunAsync(gateway.Client, gateway.Logs, "hot"));
        Assert.Contains("leaks-memory", e.Status.Detail, StringComparison.Ordinal);
        Assert.Equal((0, "old\n", ""), await old.ExecAsync(idle, "echo", "old"));

        // Over a restart, with the pods.
        await gateway.KillAsync();
        await gateway.StartAgainAsync();
        await RunAsync(gateway, 0, "list", "Disabled", "leaks-memory");
        Assert.Equal((0, "old\n", ""), await old.ExecAsync(idle, "echo", "old"));
        await RunAsync(gateway, 0, "enable hot", "the gateway has version 1.0.0 in force");
        await using var enabled = await TestPod.RunAsync(gateway.Client, gateway.Logs, "hot");

        // A key that is trusted no more: nothing of it is loaded again, and what serves goes on.
        gateway.Settings["plugins"]!["signatures"] = new JsonObject();
        File.WriteAllText(gateway.ConfigPath, gateway.Settings.ToJsonString());
        await RunAsync(gateway, 1, $"install {await PackAsync("1.3.0", 1)}", "is not in plugins.signatures.keys");
        Assert.Contains("is not in plugins.signatures.keys", (await gateway.Client.Admin.ReloadAsync(new())).Plugins.Single(static p => p.State == "Failed").Reason, StringComparison.Ordinal);
        Assert.Equal("Active", (await HotPluginTests.OfAsync(gateway, "1.0.0", "Active")).State);

        await RunAsync(gateway, 0, "remove hot", "hot is removed", "pods of it run on");
        Assert.Equal((0, "old\n", ""), await old.ExecAsync(idle, "echo", "old"));
    }

    private string Target() => new FileInfo(Path.Combine(Installed, "hot")).LinkTarget!;

    private async Task<string> PackAsync(string version, int stateVersion, Action<JsonObject>? manifest = null)
    {
        var (folder, archive) = (_folder[$"src-{version}"], _folder[$"hot-{version}.tar.gz"]);
        new HotPlugin(_folder.Path, "hot").Write(folder, version, [stateVersion], manifest);
        Assert.Equal(0, await InvokeAsync($"plugin pack {folder} -o {archive} --sign {Key}"));
        return archive;
    }

    private async Task SignAsync(string folder) => Assert.Equal(0, await InvokeAsync($"plugin sign {folder} --key {Key}"));

    private async Task RunAsync(Gateway gateway, int exitCode, string line, params string[] says)
    {
        _output.GetStringBuilder().Clear();
        var code = await InvokeAsync($"plugin {line} --config {gateway.ConfigPath} --socket unix://{gateway.SocketPath}");
        Assert.True(code == exitCode, $"berth plugin {line}: {code}, {_output}");
        Assert.All(says, word => Assert.Contains(word, _output.ToString(), StringComparison.Ordinal));
    }

    private Task<int> InvokeAsync(string line) => CliRoot.Create(static (_, _) => Task.CompletedTask)
        .Parse(line).InvokeAsync(new() { Output = _output, Error = _output }, TestContext.Current.CancellationToken);
}
