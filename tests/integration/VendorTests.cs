using Berth.Abstractions;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>
/// A vendor brings a runtime that Berth does not know (tests/vendor: plain processes in namespaces): a project from the template,
/// changed, built, packed, installed into a gateway that runs, replaced by the next version, and rolled back, with pods on it.
/// </summary>
[Collection(VendorCollection.Name)]
public sealed class VendorTests(Suite suite, VendorProject project)
{
    private const string Features = """
        HostNamespaces = true,
                        Privileged = true,
                        Devices = true,
                        Seccomp = true,
        """;

    [Fact]
    public async Task PluginFromTheTemplate_OfAnotherRuntime_LivesThroughInstallUpgradeAndRollback()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/conmon"), "conmon is not installed");
        Assert.SkipUnless(TestCgroups.Driver == CgroupDriver.Cgroupfs, "the vendor's runtime makes cgroups by itself, and systemd owns them here");
        await project.BuildAsync();
        await WriteAsync();
        await project.RunAsync("dotnet build Plain --configuration Release --output plain --source \"$PWD/feed\" && berth plugin keygen -o plain.key");
        await PackAsync("1.0.0");
        await PackAsync("1.1.0");
        await PackAsync("2.0.0", "no-such-monitor");

        await using var gateway = await suite.OwnGatewayAsync();
        // Dropped in as any tool does it: written beside, renamed into place.
        await project.RunAsync($"mkdir -m 755 {gateway.PluginFolder}/.plain && tar -xzf plain-1.0.0.tar.gz -C {gateway.PluginFolder}/.plain && mv {gateway.PluginFolder}/.plain {gateway.PluginFolder}/plain");
        await Wait.ForAsync(() => gateway.HandlerAsync("plain"), static h => h.Ready, TimeSpan.FromSeconds(60));
        await using var old = await TestPod.RunAsync(gateway.Client, gateway.Logs, "plain");
        var first = await old.StartAsync(Requests.Script("first", "echo hello; trap 'exit 7' TERM; while :; do sleep 0.1; done"));
        Assert.Equal((0, "old\n", ""), await old.ExecAsync(first, "echo", "old"));
        Assert.Equal((3, "", "err\n"), await old.ExecAsync(first, "sh", "-c", "echo err >&2; exit 3"));

        // The next one beside it: the old pod lives on where it is.
        Assert.Contains("1 pod stays with version 1.0.0", await PluginAsync(gateway, "install plain-1.1.0.tar.gz"), StringComparison.Ordinal);
        await using var middle = await TestPod.RunAsync(gateway.Client, gateway.Logs, "plain");
        var second = await middle.StartAsync(Requests.Script("second", "exec sleep 3600"));
        Assert.Equal(("plain 1.0.0", "plain 1.1.0"), (await HotPluginTests.PluginOfAsync(gateway, old), await HotPluginTests.PluginOfAsync(gateway, middle)));

        // One that does not do is not taken.
        Assert.Contains("1.1.0 is in place again", await PluginAsync(gateway, "install plain-2.0.0.tar.gz", "!"), StringComparison.Ordinal);
        Assert.Contains("plain 1.0.0 is in the place of 1.1.0", await PluginAsync(gateway, "rollback plain"), StringComparison.Ordinal);
        await using var later = await TestPod.RunAsync(gateway.Client, gateway.Logs, "plain");
        Assert.Equal("plain 1.0.0", await HotPluginTests.PluginOfAsync(gateway, later));

        await gateway.KillAsync();
        await gateway.StartAgainAsync();
        Assert.Equal((0, "old\n", ""), await old.ExecAsync(first, "echo", "old"));
        Assert.Equal((0, "new\n", ""), await middle.ExecAsync(second, "echo", "new"));
        await gateway.Client.Runtime.StopContainerAsync(new() { ContainerId = first, Timeout = 20 });
        Assert.Equal(7, (await old.StatusAsync(first)).ExitCode);
        Assert.Equal(["hello"], old.Log("first.log").Select(static l => l.Text));
    }

    // What the vendor does: the template's runtime is taken out, and his own put in.
    private async Task WriteAsync()
    {
        await project.RunAsync("rm -rf Plain && cp -r Acme Plain && rm -rf Plain/bin Plain/obj");
        foreach (var file in (string[])["Plain.cs", "plain-run"])
        {
            File.Copy(Path.Combine(Repository.Root, "tests/vendor", file), Path.Combine(project.Work, "Plain", file));
        }

        Edit("Monitors.cs", "using var process = Programs.Start(", "Plain.WriteInit(request);\n        using var process = Programs.Start(");
        Edit("AcmeExec.cs", "var process = Programs.Start(", "Plain.WriteExec(request.ProcessPath);\n        var process = Programs.Start(");
        Edit("Tools.cs", "Programs.Find(options.Runtime) ?? options.Runtime", "Plain.Program");
        Edit("AcmeHandler.cs", "[_tools.Options.Runtime, _tools.Options.Monitor]", "[_tools.RuntimePath, _tools.Options.Monitor]");
        Edit("AcmeHandler.cs", "Programs.RunAsync(_tools.Options.Runtime,", "Programs.RunAsync(_tools.RuntimePath,");
        Edit("AcmeHandler.cs", Features, "");
        Edit("AcmeHandler.cs", "LimitUpdates = true,", "");
        Edit("Acme.csproj", "<Content Include=\"plugin.json\"", "<Content Include=\"plain-run\" CopyToOutputDirectory=\"PreserveNewest\" />\n    <Content Include=\"plugin.json\"");
        Edit("plugin.json", "\"id\": \"acme\"", "\"id\": \"plain\"");
        Edit("plugin.json", "\"acme\": { \"options\": { \"runtime\": \"crun\", \"monitor\": \"conmon\" } }", "\"plain\": { \"options\": { \"monitor\": \"conmon\" } }");
    }

    private void Edit(string file, string from, string to)
    {
        var path = Path.Combine(project.Work, "Plain", file);
        var text = File.ReadAllText(path);
        Assert.True(text.Split(from).Length == 2, $"{file} has not once: {from}");
        File.WriteAllText(path, text.Replace(from, to, StringComparison.Ordinal));
    }

    private Task<string> PackAsync(string version, string monitor = "conmon") => project.RunAsync($"""
        sed -i -e 's/"version": "[0-9.]*"/"version": "{version}"/' -e 's/"monitor": "[a-z-]*"/"monitor": "{monitor}"/' plain/plugin.json
        berth plugin pack plain --sign plain.key
        """);

    private Task<string> PluginAsync(Gateway gateway, string line, string not = "") =>
        project.RunAsync($"{not} berth plugin {line} --config {gateway.ConfigPath} --folder {gateway.PluginFolder} --socket unix://{gateway.SocketPath} 2>&1");
}
