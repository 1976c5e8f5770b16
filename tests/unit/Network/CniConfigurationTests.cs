using Berth.Network;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Berth.Tests.Unit.Network;

public sealed class CniConfigurationTests : IDisposable
{
    private readonly CniFixture _cni = new();
    private readonly CniConfiguration _configuration;

    public CniConfigurationTests()
    {
        _cni.Script("first", "true");
        _configuration = new(_cni.Options, NullLogger<CniConfiguration>.Instance);
    }

    public void Dispose() => _cni.Dispose();

    [Fact]
    public void Current_FolderMissing_SaysWhatToDo()
    {
        var configuration = new CniConfiguration(_cni.Options with { ConfDir = "/nonexistent" }, NullLogger<CniConfiguration>.Instance);

        Assert.False(configuration.Current.Ready);
        Assert.Equal("NetworkPluginNotReady", configuration.Current.Reason);
        Assert.Contains("/nonexistent", configuration.Current.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Current_FileAppears_BecomesReadyAndKeepsItsText()
    {
        Assert.False(_configuration.Current.Ready);

        Write("10-a.conflist", CniFixture.List("first"));

        Assert.True(_configuration.Current.Ready);
        Assert.Equal(CniFixture.List("first"), _configuration.Current.Network!.Json);
    }

    [Fact]
    public void Current_FirstIsBroken_TakesTheNextByName()
    {
        Write("05-broken.conflist", "{");
        Write("20-b.conf", """{"cniVersion":"1.0.0","name":"b","type":"first"}""");
        Write("10-a.json", CniFixture.List("first").Replace("\"net\"", "\"a\"", StringComparison.Ordinal));
        Write("00-other.txt", "x");

        Assert.Equal("a", _configuration.Current.Network!.Name);
    }

    [Fact]
    public void Current_AllBroken_NamesEachFile()
    {
        Write("05-broken.conflist", "{");
        Write("06-broken.conf", "{}");

        Assert.Contains("05-broken.conflist", _configuration.Current.Message, StringComparison.Ordinal);
        Assert.Contains("06-broken.conf", _configuration.Current.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Current_FileChangedOrRemoved_FollowsIt()
    {
        Write("10-a.conflist", CniFixture.List("first"));
        Assert.Equal("net", _configuration.Current.Network!.Name);

        Write("10-a.conflist", CniFixture.List("first").Replace("\"net\"", "\"other\"", StringComparison.Ordinal));
        Assert.Equal("other", _configuration.Current.Network!.Name);

        File.Delete(Path.Combine(_cni.Root, "10-a.conflist"));
        Assert.False(_configuration.Current.Ready);
    }

    [Fact]
    public void Current_PluginMissing_IsNamedUntilItIsInstalled()
    {
        Write("10-a.conflist", CniFixture.List("absent"));
        Assert.Contains("absent", _configuration.Current.Message, StringComparison.Ordinal);

        _cni.Script("absent", "true");
        Assert.True(_configuration.Current.Ready);
    }

    [Fact]
    public void Current_DanglingLink_IsSkipped()
    {
        File.CreateSymbolicLink(Path.Combine(_cni.Root, "05-link.conf"), "/nonexistent/target");
        Write("10-a.conflist", CniFixture.List("first"));

        Assert.True(_configuration.Current.Ready);
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_cni.Root, name), text);
}
