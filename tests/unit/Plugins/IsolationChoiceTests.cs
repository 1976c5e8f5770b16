using Berth.Abstractions;
using Berth.Configuration;
using Berth.Plugins.Remote;
using Xunit;

namespace Berth.Tests.Unit.Plugins;

public sealed class IsolationChoiceTests
{
    private static readonly string Shipped = Path.Combine(AppContext.BaseDirectory, "plugins", "p");

    [Theory]
    [InlineData(null, null, PluginIsolation.Process)]
    [InlineData(PluginIsolation.InProcess, null, PluginIsolation.InProcess)]
    [InlineData(PluginIsolation.InProcess, PluginIsolation.Process, PluginIsolation.Process)]
    [InlineData(PluginIsolation.Process, PluginIsolation.InProcess, PluginIsolation.InProcess)]
    public void Of_APluginOfUnknownOrigin_IsTheOperatorsThenTheManifestsThenAProcess(PluginIsolation? manifest, PluginIsolation? operatorSays, PluginIsolation expected) =>
        Assert.Equal(expected, IsolationChoice.Of("/var/lib/berth/plugins/p", Manifest(manifest), Options(operatorSays)));

    [Theory]
    [InlineData(null, null, PluginIsolation.InProcess)]
    [InlineData(null, PluginIsolation.Process, PluginIsolation.Process)]
    [InlineData(PluginIsolation.Process, null, PluginIsolation.Process)]
    public void Of_AShippedPlugin_IsTheGatewaysProcessUnlessSaidOtherwise(PluginIsolation? manifest, PluginIsolation? operatorSays, PluginIsolation expected) =>
        Assert.Equal(expected, IsolationChoice.Of(Shipped, Manifest(manifest), Options(operatorSays)));

    [Fact]
    public void IsShipped_BesideTheProgramOnly()
    {
        Assert.True(IsolationChoice.IsShipped(Shipped + "/"));
        Assert.True(IsolationChoice.IsShipped(Path.Combine(Repository.Root, "artifacts/plugins/oci")));
        Assert.False(IsolationChoice.IsShipped(Path.Combine(Shipped, "below")));
        Assert.False(IsolationChoice.IsShipped(Path.Combine(Shipped, "..", "..", "elsewhere", "p")));
        Assert.False(IsolationChoice.IsShipped("/"));
    }

    private static PluginManifest Manifest(PluginIsolation? isolation) =>
        new() { Id = "p", Version = "1.0.0", Contract = new("1.0", "1.0"), Assembly = "P.dll", Isolation = isolation };

    private static PluginsOptions Options(PluginIsolation? isolation) =>
        new() { ById = new Dictionary<string, PluginOptions> { ["p"] = new() { Isolation = isolation } } };
}
