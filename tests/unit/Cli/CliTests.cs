using Berth.Cli;
using Berth.Configuration;
using Xunit;

namespace Berth.Tests.Unit.Cli;

public sealed class CliTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();
    private BerthOptions? _served;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("pods")]
    [InlineData("handlers")]
    [InlineData("doctor")]
    [InlineData("image import x.tar")]
    public async Task Ask_NoGateway_IsOneClearLineAndExitCode1(string command)
    {
        var socket = Path.Combine(_folder.Path, "none.sock");
        Assert.Equal(1, await RunAsync($"{command} --socket unix://{socket}"));
        Assert.StartsWith($"berth: cannot reach the gateway at {socket}: there is no such socket", _error.ToString(), StringComparison.Ordinal);
        Assert.Single(_error.ToString().TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Serve_Flags_HaveTheLastWord()
    {
        var config = _folder.Write("plugins.json", """{ "gateway": { "root": "/file", "state": "/file-state" } }""");
        Assert.Equal(0, await RunAsync($"serve --config {config} --listen unix:///l.sock --root {_folder.Path}/root"));
        Assert.Equal(new GatewayOptions { Listen = "unix:///l.sock", Root = $"{_folder.Path}/root", State = "/file-state" }, _served!.Gateway);
    }

    [Fact]
    public async Task Serve_BadConfiguration_IsExitCode78WithEveryError()
    {
        var config = _folder.Write("plugins.json", """{ "a": 1, "b": 2 }""");
        Assert.Equal(78, await RunAsync($"serve --config {config}"));
        Assert.Contains("2 errors", _error.ToString(), StringComparison.Ordinal);
        Assert.Null(_served);
    }

    [Fact]
    public async Task Explain_FromAConfiguration_NeedsNoGateway()
    {
        var config = _folder.Write("plugins.json", """
            { "plugins": { "folders": ["p"] }, "handlers": { "runc": { "plugin": "oci" }, "crun": { "plugin": "oci" } },
              "selection": { "rules": [ { "name": "shops", "when": { "namespaces": ["shop"] }, "use": "crun" } ] } }
            """);
        var pod = _folder.Write("pod.yaml", "kind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: []}");

        Assert.Equal(0, await RunAsync($"explain -f {pod} --config {config}"));
        Assert.StartsWith("handler crun: rule 'shops'", _output.ToString(), StringComparison.Ordinal);

        Assert.Equal(1, await RunAsync($"explain -f {pod} --config {config} --runtime-class crum"));
        Assert.Contains("refused: there is no runtime handler 'crum' (RuntimeClass); did you mean 'crun'?", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_RuntimeClassAndImageInTheFile_AreHeeded()
    {
        var config = _folder.Write("plugins.json", """
            { "plugins": { "folders": [] }, "handlers": { "runc": { "plugin": "oci" }, "crun": { "plugin": "oci" } },
              "selection": { "rules": [ { "name": "no-evil", "when": { "images": ["docker.io/library/evil:*"] }, "deny": "banned" } ] } }
            """);
        var pod = _folder.Write("pod.yaml", """
            kind: RuntimeClass
            metadata: {name: quick}
            handler: crun
            ---
            kind: Pod
            spec: {runtimeClassName: quick, containers: [{name: web, image: good}]}
            """);
        Assert.Equal(0, await RunAsync($"explain -f {pod} --config {config}"));
        Assert.StartsWith("handler crun: RuntimeClass", _output.ToString(), StringComparison.Ordinal);

        // The option names a class too, of the file or not, in place of the pod's.
        foreach (var (given, handler) in ((string, string)[])[("quick", "crun"), ("runc", "runc")])
        {
            _output.GetStringBuilder().Clear();
            File.WriteAllText(pod, File.ReadAllText(pod).Replace("runtimeClassName: quick", "runtimeClassName: other", StringComparison.Ordinal));
            Assert.Equal(0, await RunAsync($"explain -f {pod} --config {config} --runtime-class {given}"));
            Assert.StartsWith($"handler {handler}: RuntimeClass", _output.ToString(), StringComparison.Ordinal);
        }

        _output.GetStringBuilder().Clear();
        File.WriteAllText(pod, File.ReadAllText(pod).Replace("runtimeClassName: other", "runtimeClassName: quick", StringComparison.Ordinal));
        File.WriteAllText(pod, File.ReadAllText(pod).Replace("image: good", "image: evil", StringComparison.Ordinal));
        Assert.Equal(1, await RunAsync($"explain -f {pod} --config {config}"));
        Assert.Contains("container web cannot be created: rule 'no-evil' denies the image docker.io/library/evil:latest: banned", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_Json_HasEveryStep()
    {
        var config = _folder.Write("plugins.json", """{ "plugins": { "folders": [] }, "handlers": { "runc": { "plugin": "oci" } } }""");
        var pod = _folder.Write("pod.yaml", "kind: Pod\nspec: {}");
        Assert.Equal(0, await RunAsync($"explain -f {pod} --config {config} --json"));
        using var json = System.Text.Json.JsonDocument.Parse(_output.ToString());
        Assert.Equal("runc", json.RootElement.GetProperty("handler").GetString());
        Assert.NotEmpty(json.RootElement.GetProperty("steps").EnumerateArray());
    }

    [Fact]
    public async Task Help_OfACommand_EndsWithExamples()
    {
        Assert.Equal(0, await RunAsync("explain --help"));
        Assert.Contains("Examples:\n  berth explain -f pod.yaml", _output.ToString(), StringComparison.Ordinal);
    }

    private Task<int> RunAsync(string line) => CliRoot.Create((options, _) =>
    {
        _served = options;
        return Task.CompletedTask;
    }).Parse(line).InvokeAsync(new() { Output = _output, Error = _error }, TestContext.Current.CancellationToken);
}
