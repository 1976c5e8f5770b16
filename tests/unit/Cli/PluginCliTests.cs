using System.Text.Json;
using Berth.Cli;
using Berth.Linux;
using Berth.Packages;
using Berth.Tests.Unit.Packages;
using Xunit;

namespace Berth.Tests.Unit.Cli;

/// <summary><c>berth plugin ...</c> on a node whose gateway does not run, as root types it.</summary>
public sealed class PluginCliTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    public PluginCliTests()
    {
        Directory.CreateDirectory(Plugins);
        Configure("""{ "allowUnsigned": true }""");
    }

    private string Plugins => Path.Combine(_folder.Path, "plugins");

    private string Link => Path.Combine(Plugins, "acme");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task KeygenPackInstall_Signed_IsTakenWithoutTheSwitch()
    {
        var key = Path.Combine(_folder.Path, "acme.key");
        Assert.Equal(0, await RunAsync($"plugin keygen -o {key}"));
        Configure($$"""{ "keys": { "acme-inc": { "publicKey": "{{_output.ToString().Trim()}}" } } }""");
        var plugin = PluginSample.Write(_folder, "out");

        Assert.Equal(1, await RunAsync($"plugin install {plugin}"));
        Assert.Contains("it is not signed, and plugins.signatures.allowUnsigned", _error.ToString(), StringComparison.Ordinal);
        Assert.Empty(Kept());

        var archive = Path.Combine(_folder.Path, "a.tar.gz");
        Assert.Equal(0, await RunAsync($"plugin pack {plugin} -o {archive} --sign {key}"));
        Assert.Equal(0, await RunAsync($"plugin install {archive}"));
        Assert.Contains($"acme 1.0.0 is installed: {Link}, signed by acme-inc", _output.ToString(), StringComparison.Ordinal);
        Assert.Contains("it comes into force with the next start", _output.ToString(), StringComparison.Ordinal);

        Assert.Equal(0, await RunAsync($"plugin install {archive}"));
        Assert.Contains("acme 1.0.0 was there already", _output.ToString(), StringComparison.Ordinal);
        Assert.Single(Kept());

        Assert.Equal(0, await RunAsync($"plugin sign {plugin} --key {key}"));
        Assert.Equal(0, await RunAsync($"plugin install {plugin}"));
    }

    [Fact]
    public async Task Versions_AreSwitchedAndRolledBack_AgainAndAgain()
    {
        foreach (var version in (string[])["1.0.0", "1.1.0", "1.2.0", "1.3.0"])
        {
            Assert.Equal(0, await RunAsync($"plugin install {PluginSample.Write(_folder, version, version, content: version)}"));
            Assert.Equal(version, Installed());
        }

        // Three are kept.
        Assert.Equal(["1.1.0", "1.2.0", "1.3.0"], Kept());

        Assert.Equal(0, await RunAsync("plugin rollback acme"));
        Assert.Contains("acme 1.2.0 is in the place of 1.3.0", _output.ToString(), StringComparison.Ordinal);
        Assert.Equal("1.2.0", Installed());
        Assert.Equal(0, await RunAsync("plugin rollback acme"));
        Assert.Contains("acme 1.2.0 was there already", _output.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, await RunAsync("plugin rollback acme --to 1.1.0"));
        Assert.Equal("1.1.0", Installed());
        Assert.Equal(0, await RunAsync("plugin rollback acme --to 1.3.0"));
        Assert.Equal("1.3.0", Installed());
        Assert.Equal(1, await RunAsync("plugin rollback acme --to 9.9.9"));
        Assert.Contains("version 9.9.9 of plugin acme is not kept", _error.ToString(), StringComparison.Ordinal);
        Assert.Contains("kept: 1.1.0, 1.2.0, 1.3.0", _error.ToString(), StringComparison.Ordinal);

        // What was rolled back from is nothing to go back to.
        Assert.Equal(0, await RunAsync("plugin rollback acme"));
        Assert.Equal(0, await RunAsync($"plugin install {PluginSample.Write(_folder, "1.4.0", "1.4.0", content: "1.4.0")}"));
        Assert.Equal(["1.1.0", "1.2.0", "1.4.0"], Kept());
        Assert.Equal(0, await RunAsync("plugin rollback acme"));
        Assert.Equal("1.2.0", Installed());
    }

    [Fact]
    public async Task OldVersion_InstalledAgain_IsTheNewest()
    {
        var (first, second) = (PluginSample.Write(_folder, "1", "1.0.0", content: "1"), PluginSample.Write(_folder, "2", "2.0.0", content: "2"));
        foreach (var folder in (string[])[first, second, first])
        {
            Assert.Equal(0, await RunAsync($"plugin install {folder}"));
        }

        Assert.Equal("1.0.0", Installed());
        Assert.Equal(["2.0.0", "1.0.0"], Kept());
        Assert.Equal(0, await RunAsync("plugin rollback acme"));
        Assert.Equal("2.0.0", Installed());
    }

    [Fact]
    public async Task PlainFolder_ThatSomebodyHasPutThere_IsAVersionToGoBackTo()
    {
        Directory.Move(PluginSample.Write(_folder, "plain", "0.9.0", content: "0"), Link);
        Assert.Equal(0, await RunAsync($"plugin install {PluginSample.Write(_folder, "1", "1.0.0", content: "1")}"));
        Assert.Contains("acme 1.0.0 is in the place of 0.9.0", _output.ToString(), StringComparison.Ordinal);
        Assert.Equal(["0.9.0", "1.0.0"], Kept());
        Assert.Equal(0, await RunAsync("plugin rollback acme"));
        Assert.Equal("0.9.0", Installed());

        // Put in the link's place by hand, it is not lost by a rollback either.
        File.Delete(Link);
        Directory.Move(PluginSample.Write(_folder, "again", "3.0.0", content: "3"), Link);
        Assert.Equal(0, await RunAsync("plugin rollback acme --to 1.0.0"));
        Assert.Equal("1.0.0", Installed());
        Assert.Equal(["0.9.0", "1.0.0", "3.0.0"], Kept());
    }

    [Fact]
    public async Task Killed_AtAnyStep_TheNextCommandTidiesUp()
    {
        Assert.Equal(0, await RunAsync($"plugin install {PluginSample.Write(_folder, "1", "1.0.0", content: "1")}"));
        // While unpacking; with a link that was not renamed yet; with a folder that the link has just taken the place of.
        Directory.Move(PluginSample.Write(_folder, "half", "9.0.0"), Path.Combine(Plugins, ".versions/.new"));
        File.CreateSymbolicLink(Path.Combine(Plugins, ".versions/acme/.switch"), "nowhere");
        Assert.Equal(0, await RunAsync($"plugin install {PluginSample.Write(_folder, "2", "2.0.0", content: "2")}"));
        Assert.Equal(["1.0.0", "2.0.0"], Kept());
        FileTree.Delete(Directory.GetDirectories(Path.Combine(Plugins, ".versions/acme")).Order(StringComparer.Ordinal).First());
        Directory.Move(PluginSample.Write(_folder, "displaced", "0.9.0", content: "0"), Path.Combine(Plugins, ".versions/acme/.switch"));
        Assert.Equal(0, await RunAsync("plugin rollback acme"));
        Assert.Equal("0.9.0", Installed());
        Assert.False(Directory.Exists(Path.Combine(Plugins, ".versions/.new")));
    }

    [Fact]
    public async Task InTheWay_IsNamed_AndNothingChanges()
    {
        var plugin = PluginSample.Write(_folder, "out");
        Directory.CreateDirectory(Link);
        Assert.Equal(1, await RunAsync($"plugin install {plugin}"));
        Assert.Contains($"{Link} is there and is not plugin acme", _error.ToString(), StringComparison.Ordinal);
        Directory.Delete(Link);

        PluginSample.Write(_folder, "plugins/other");
        Assert.Equal(1, await RunAsync($"plugin install {plugin}"));
        Assert.Contains($"plugin acme lies in {Plugins}/other, which counts more", _error.ToString(), StringComparison.Ordinal);
        Assert.Empty(Kept());

        using var busy = new VersionFolder(Plugins).Lock();
        Assert.Equal(1, await RunAsync($"plugin install {plugin}"));
        Assert.Contains("another command changes the plugins", _error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListDisableEnableRemove_EachTwice()
    {
        Assert.Equal(0, await RunAsync($"plugin install {PluginSample.Write(_folder, "1", "1.0.0", content: "1")}"));
        Assert.Equal(0, await RunAsync($"plugin install {PluginSample.Write(_folder, "2", "2.0.0", content: "2")}"));
        foreach (var _ in (int[])[1, 2])
        {
            Assert.Equal(0, await RunAsync("plugin disable acme --reason leaks"));
        }

        Assert.Equal(0, await RunAsync("plugin list --json"));
        var row = JsonSerializer.Deserialize<JsonElement>(_output.ToString()).GetProperty("plugins")[0];
        Assert.Equal(
            ("acme", "2.0.0", "unsigned", "Disabled", "leaks", "1.0.0", "1.0.0"),
            (Of("id"), Of("version"), Of("origin"), Of("state"), Of("reason"), row.GetProperty("kept")[0].GetString(), Of("rollbackTo")));
        foreach (var _ in (int[])[1, 2])
        {
            Assert.Equal(0, await RunAsync("plugin enable acme"));
        }

        Assert.Equal(0, await RunAsync("plugin list"));
        Assert.DoesNotContain("Disabled", _output.ToString(), StringComparison.Ordinal);
        Assert.Contains("unsigned plugins are allowed", _output.ToString(), StringComparison.Ordinal);

        Assert.Equal(0, await RunAsync("plugin remove acme"));
        Assert.Contains("acme is removed", _output.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, await RunAsync("plugin remove acme"));
        Assert.Contains("there is no plugin acme", _output.ToString(), StringComparison.Ordinal);
        Assert.Empty(Kept());
        Assert.Equal(1, await RunAsync("plugin rollback acme"));
        Assert.Contains("no earlier version of plugin acme is kept", _error.ToString(), StringComparison.Ordinal);

        string? Of(string name) => row.GetProperty(name).GetString();
    }

    [Fact]
    public async Task Remove_OfAPlainFolder_AndOfOneThatCameWithBerth()
    {
        Directory.Move(PluginSample.Write(_folder, "plain"), Link);
        Assert.Equal(0, await RunAsync("plugin remove acme"));
        Assert.False(Directory.Exists(Link));

        var shipped = Path.Combine(Repository.Root, "artifacts/plugins");
        Assert.SkipUnless(Directory.Exists(Path.Combine(shipped, "oci")), "artifacts/plugins/oci is not built");
        _folder.Write("plugins.json", $$"""{ "plugins": { "folders": ["{{shipped}}", "plugins"] }, "gateway": { "listen": "unix://none.sock" } }""");
        Assert.Equal(1, await RunAsync("plugin remove oci"));
        Assert.Contains("it came with Berth; `berth plugin disable`", _error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("plugin remove ../etc")]
    [InlineData("plugin disable .versions")]
    [InlineData("plugin enable a/b")]
    [InlineData("plugin rollback ..")]
    public async Task Id_ThatIsAPath_IsRefused(string line)
    {
        Assert.Equal(1, await RunAsync(line));
        Assert.Contains("is no plugin's id", _error.ToString(), StringComparison.Ordinal);
    }

    private string Installed() => JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(Path.Combine(Link, "plugin.json"))).GetProperty("version").GetString()!;

    private List<string> Kept() => [.. new VersionFolder(Plugins).All("acme").Select(static v => v.Version)];

    private void Configure(string signatures) => _folder.Write(
        "plugins.json", $$"""{ "gateway": { "listen": "unix://none.sock" }, "plugins": { "folders": ["plugins"], "signatures": {{signatures}} } }""");

    private Task<int> RunAsync(string line)
    {
        _output.GetStringBuilder().Clear();
        _error.GetStringBuilder().Clear();
        var config = line.Contains("keygen", StringComparison.Ordinal) || line.Contains("plugin pack", StringComparison.Ordinal) || line.Contains("plugin sign", StringComparison.Ordinal)
            ? ""
            : $" --config {_folder.Path}/plugins.json";
        return CliRoot.Create(static (_, _) => Task.CompletedTask).Parse(line + config)
            .InvokeAsync(new() { Output = _output, Error = _error }, TestContext.Current.CancellationToken);
    }
}
