using System.Text.Json.Nodes;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>A plugin whose process does not end with the gateway's; on a gateway of its own, as that one is killed.</summary>
public sealed class HostileEndTests(Suite suite)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Plugin_ThatStaysAtTheEnd_EndsWithTheGateway()
    {
        await using var gateway = await suite.OwnGatewayAsync(static settings =>
        {
            var folder = Path.Combine(Path.GetDirectoryName((string)settings["plugins"]!["folders"]![0]!)!, "hostile");
            settings["plugins"]!["folders"]!.AsArray().Add(folder);
            HostilePlugins.Write(folder, "rude", ["stays-at-the-end"]);
            settings["plugins"]!["rude"] = new JsonObject { ["isolation"] = "process" };
        });
        await using (await TestPod.RunAsync(gateway.Client, gateway.Logs, "stays-at-the-end"))
        {
            // What it does, it does when its first pod starts.
        }

        var pid = Assert.Single(gateway.PluginProcesses);
        await gateway.KillAsync();
        await Wait.ForAsync(() => !Directory.Exists($"/proc/{pid}"), Limit);
        await gateway.StartAgainAsync();
        Assert.NotEqual(pid, Assert.Single(gateway.PluginProcesses));
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, "runc");
        Assert.Equal(0, (await pod.RunToEndAsync(Requests.Script("end", "exit 0"))).ExitCode);
    }
}
