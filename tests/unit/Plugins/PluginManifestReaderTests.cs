using Berth.Abstractions;
using Berth.Plugins;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Plugins;

public sealed class PluginManifestReaderTests : IDisposable
{
    private const string Valid = """{ "id": "oci", "version": "1.2.3", "contract": { "min": "1.0", "max": "1.0" }, "assembly": "A.dll" }""";
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Read_AllMembers_AreTakenOver()
    {
        var manifest = Read("""
            { "id": "oci", "version": "1.2.3-rc.1", "contract": { "min": "1.0", "max": "1.9" }, "assembly": "A.B.dll", "description": "d", "isolation": "in-process",
              "handlers": { "runc": { "options": { "path": "runc" }, "overhead": { "cpuMillis": 1, "memoryBytes": 2 },
                "scheduling": { "nodeSelector": { "kvm": "yes" }, "tolerations": [ { "key": "vms", "effect": "NoSchedule" } ] } } }, "annotations": ["x/y"],
              "stateVersions": [1, 2], "rootfsForms": ["oci-layout", "mounted"], "features": ["x"] }
            """);
        Assert.Equal("oci", manifest.Id);
        Assert.Equal("runc", manifest.Handlers["runc"].Options!.Value.GetProperty("path").GetString());
        Assert.Equal(new PodOverhead { CpuMillis = 1, MemoryBytes = 2 }, manifest.Handlers["runc"].Overhead);
        Assert.Equal("yes", manifest.Handlers["runc"].Scheduling!.NodeSelector["kvm"]);
        Assert.Equal(new() { Key = "vms", Operator = "Exists", Effect = "NoSchedule" }, Assert.Single(manifest.Handlers["runc"].Scheduling!.Tolerations));
        Assert.Equal(["x/y"], manifest.Annotations);
        Assert.Equal([RootfsForm.OciLayout, RootfsForm.Mounted], manifest.RootfsForms);
    }

    [Fact]
    public void Read_TheOciPluginsManifest_IsValid() =>
        Assert.Equal("oci", PluginManifestReader.Read(Path.Combine(Repository.Root, "plugins/oci/plugin.json")).Id);

    [Theory]
    [InlineData("\"id\": \"oci\"", "\"id\": \"../oci\"", "id '../oci'")]
    [InlineData("\"id\": \"oci\"", "\"id\": null", "id")]
    [InlineData("\"id\": \"oci\",", "", "'id'")]
    [InlineData("\"id\": \"oci\"", "\"id\": \"oci\", \"id\": \"b\"", "id")]
    [InlineData("\"id\": \"oci\"", "\"id\": \"oci\", \"colour\": 1", "colour")]
    [InlineData("1.2.3", "1.2", "version '1.2'")]
    [InlineData("A.dll", "../A.dll", "bare name")]
    [InlineData("A.dll", "/A.dll", "bare name")]
    [InlineData("A.dll", "A.so", "bare name")]
    [InlineData("\"max\": \"1.0\"", "\"max\": \"1\"", "'1' is not a contract version")]
    [InlineData("\"min\": \"1.0\"", "\"min\": \"1.1\"", "is above")]
    [InlineData("\"assembly\"", "\"handlers\": { \"No\": {} }, \"assembly\"", "handler 'No'")]
    [InlineData("\"assembly\"", "\"handlers\": { \"no\": { \"options\": 5 } }, \"assembly\"", "not an object")]
    [InlineData("\"assembly\"", "\"rootfsForms\": [], \"assembly\"", "rootfsForms is empty")]
    [InlineData("\"assembly\"", "\"rootfsForms\": [0], \"assembly\"", "rootfsForms")]
    [InlineData("\"assembly\"", "\"stateVersions\": [0], \"assembly\"", "stateVersions")]
    public void Read_AMistake_IsNamed(string from, string to, string expected)
    {
        var e = Assert.Throws<PluginRejectedException>(() => Read(Valid.Replace(from, to, StringComparison.Ordinal)));
        Assert.Equal(PluginState.Failed, e.State);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.Contains(_folder.Path, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1.1", "1.2")]
    [InlineData("2.0", "2.0")]
    [InlineData("0.1", "0.9")]
    public void Read_AnotherContract_IsIncompatibleWhateverElseTheManifestSays(string min, string max)
    {
        var e = Assert.Throws<PluginRejectedException>(() => Read($$"""{ "contract": { "min": "{{min}}", "max": "{{max}}" }, "unheardOf": true }"""));
        Assert.Equal(PluginState.Incompatible, e.State);
        Assert.Contains($"contract {min} to {max}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Isolation_IsTheManifestsOrNobodys()
    {
        Assert.Null(Read(Valid).Isolation);
        Assert.Equal(PluginIsolation.Process, Read(Valid.Replace("\"assembly\"", "\"isolation\": \"process\", \"assembly\"", StringComparison.Ordinal)).Isolation);
    }

    [Fact]
    public void Read_HugeFile_IsRefused() => Assert.Contains("more than", Assert.Throws<PluginRejectedException>(() => Read(new string(' ', 1 << 20))).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_AnyText_IsAManifestOrARejection() =>
        Gen.String[Gen.OneOf("{}[]\":,a1. ".ToCharArray()), 0, 40].Sample(
            text => Assert.Throws<PluginRejectedException>(() => Read(text)), iter: 300, threads: 1);

    private PluginManifest Read(string json) => PluginManifestReader.Read(_folder.Write("plugin.json", json));
}
