using Berth.Plugins;
using Xunit;

namespace Berth.Tests.Unit.Plugins;

public sealed class PluginFolderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public PluginFolderTests() => _folder.Write("p/sub/a.dll", "");

    private string Plugin => Path.Combine(_folder.Path, "p");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Check_OnlyTheOwnerCanWrite_Passes() => PluginFolder.Check(Plugin);

    [Theory]
    [InlineData("")]
    [InlineData("sub")]
    [InlineData("sub/a.dll")]
    public void Check_OthersCanWrite_IsRefused(string name)
    {
        var path = Path.Combine(Plugin, name).TrimEnd('/');
        File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.GroupWrite);
        Refused($"{path} can be written by others");
    }

    [Theory]
    [InlineData("/etc/passwd")]
    [InlineData("../x.dll")]
    [InlineData("..")]
    [InlineData("sub/a.dll")]
    public void Check_LinkToElsewhere_IsRefused(string target)
    {
        File.CreateSymbolicLink(Path.Combine(Plugin, "link"), target);
        Refused("symbolic link");
    }

    [Fact]
    public void Check_LinkToANameBesideIt_Passes()
    {
        File.CreateSymbolicLink(Path.Combine(Plugin, "sub", "b.dll"), "a.dll");
        PluginFolder.Check(Plugin);
    }

    [Fact]
    public void Check_TheFolderIsALink_IsRefused()
    {
        var link = Path.Combine(_folder.Path, "q");
        Directory.CreateSymbolicLink(link, "p");
        Assert.Contains("symbolic link", Assert.Throws<PluginRejectedException>(() => PluginFolder.Check(link)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_SomeoneElsesFile_IsRefused()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "needs root to give a file away");
        var chown = new Berth.Linux.Command { Path = "chown", Arguments = ["65534", Path.Combine(Plugin, "sub/a.dll")] };
        Assert.Equal(0, (await Berth.Linux.CommandRunner.RunAsync(chown, null, 1024, TestContext.Current.CancellationToken)).ExitCode);
        Refused("belongs to user 65534");
    }

    private void Refused(string reason)
    {
        var e = Assert.Throws<PluginRejectedException>(() => PluginFolder.Check(Plugin));
        Assert.Equal(PluginState.Failed, e.State);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }
}
