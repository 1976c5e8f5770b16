using Berth.Abstractions;
using Berth.Containers.Cdi;
using Xunit;

namespace Berth.Tests.Unit.Containers.Cdi;

public sealed class CdiRegistryTests : IDisposable
{
    private readonly TempFolder _static = new();
    private readonly TempFolder _dynamic = new();
    private readonly CdiRegistry _registry;

    public CdiRegistryTests() => _registry = new(new() { CdiFolders = [_static.Path, "/no/such/folder", _dynamic.Path] });

    public void Dispose()
    {
        _static.Dispose();
        _dynamic.Dispose();
    }

    [Fact]
    public void Resolve_Devices_HaveTheirEditsAndTheCommonOnesOnce()
    {
        _static.Write("gpu.json", """
            {"cdiVersion":"0.5.0","kind":"a.b/c","containerEdits":{"env":["ALL=1"]},
             "devices":[{"name":"0","containerEdits":{"env":["D0=1"]}},{"name":"1","containerEdits":{"env":["D1=1"]}},{"name":"2"}]}
            """);
        Assert.Equal(["ALL=1", "D1=1", "D0=1"], Environment("a.b/c=1", "a.b/c=0", "a.b/c=1", "a.b/c=2"));
        Assert.Empty(_registry.Resolve([]));
    }

    [Fact]
    public void Resolve_FilesThatChange_AreReadAgain()
    {
        Assert.Contains("not described", Refused("a.b/c=x").Message, StringComparison.Ordinal);
        var path = _dynamic.Write("x.yaml", Yaml("FIRST"));
        Assert.Equal(["V=FIRST"], Environment("a.b/c=x"));
        File.WriteAllText(path, Yaml("SECOND1"));
        Assert.Equal(["V=SECOND1"], Environment("a.b/c=x"));
        File.Delete(path);
        Refused("a.b/c=x");
    }

    [Fact]
    public void Resolve_InBothFolders_TheLaterCounts()
    {
        _static.Write("x.yaml", Yaml("STATIC"));
        _dynamic.Write("x.yaml", Yaml("DYNAMIC"));
        Assert.Equal(["V=DYNAMIC"], Environment("a.b/c=x"));
    }

    [Fact]
    public void Resolve_TwiceInOneFolder_NamesBothFiles()
    {
        _static.Write("one.yaml", Yaml("1"));
        _static.Write("two.yaml", Yaml("2"));
        var failure = Refused("a.b/c=x");
        Assert.Contains("one.yaml", failure.Message, StringComparison.Ordinal);
        Assert.Contains("two.yaml", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Resolve_Unknown_NamesWhatThereIsAndWhatIsBroken()
    {
        _static.Write("good.yaml", Yaml("1"));
        _static.Write("broken.json", "{");
        _static.Write("not-ours.txt", "{");
        var message = Refused("a.b/c=y").Message;
        Assert.Contains("known of its kind are x", message, StringComparison.Ordinal);
        Assert.Contains("broken.json", message, StringComparison.Ordinal);
        Assert.DoesNotContain("not-ours", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Resolve_FileThatOthersCanWrite_IsNotUsed()
    {
        var path = _static.Write("x.yaml", Yaml("1"));
        File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.OtherWrite);
        Assert.Contains("chmod go-w", Refused("a.b/c=x").Message, StringComparison.Ordinal);
    }

    private static string Yaml(string value) => $"cdiVersion: 0.6.0\nkind: a.b/c\ndevices: [{{name: x, containerEdits: {{env: [V={value}]}}}}]\n";

    private IEnumerable<string> Environment(params string[] names) => _registry.Resolve(names).SelectMany(static e => e.Env);

    private RuntimeException Refused(string name) => Assert.Throws<RuntimeException>(() => _registry.Resolve([name]));
}
