using Berth.Cli;
using Xunit;

namespace Berth.Tests.Unit.Cli;

/// <summary><c>berth lint</c>, as a pipeline runs it.</summary>
public sealed class LintTests : IDisposable
{
    private const string Manifest = """
        { "id": "oci", "version": "1.0.0", "contract": { "min": "1.0", "max": "1.0" }, "assembly": "A.dll", "annotations": ["a/b"],
          "handlers": { "runc": {}, "crun": {}, "vm": { "overhead": { "memoryBytes": 134217728, "cpuMillis": 250 } } } }
        """;

    private readonly TempFolder _folder = new();
    private readonly StringWriter _output = new();

    public LintTests()
    {
        Directory.CreateDirectory(Path.Combine(_folder.Path, "p/oci"));
        _folder.Write("p/oci/plugin.json", Manifest);
        foreach (var folder in (string[])[_folder.Path, Path.Combine(_folder.Path, "p"), Path.Combine(_folder.Path, "p/oci")])
        {
            File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Lint_AllFits_IsQuietWithExitCode0()
    {
        Assert.Equal(0, await RunAsync("", """
            { apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: runc}, handler: runc }
            ---
            { apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: crun}, handler: crun }
            ---
            { apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: vm}, handler: vm, overhead: {podFixed: {memory: 128Mi, cpu: 250m}} }
            """, "--strict"));
        Assert.Equal("nothing to say: all fits together\n", _output.ToString());
    }

    [Fact]
    public async Task Lint_PluginThatNobodyHasSigned_IsAWarning()
    {
        var config = _folder.Write("plugins.json", """{ "plugins": { "folders": ["p"] } }""");
        Assert.Equal(0, await RunLineAsync($"lint --config {config}"));
        Says("warning", "does not take it: it is not signed", "plugins.signatures.keys");
    }

    [Fact]
    public async Task Lint_ClassOfNoHandler_IsAnErrorWithTheNearestName()
    {
        Assert.Equal(1, await RunAsync("", "{ apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: quick}, handler: crum }"));
        Says("error", "RuntimeClass quick", "there is no handler 'crum'", "did you mean 'crun'?");
    }

    [Fact]
    public async Task Lint_ListOfAKubectlGet_IsReadAsItsItems()
    {
        Assert.Equal(1, await RunAsync("", """
            {"kind": "List", "items": [{"apiVersion": "node.k8s.io/v1beta1", "kind": "RuntimeClass", "metadata": {"name": "a"}, "handler": "runc"},
             {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "a"}}]}
            """));
        Says("apiVersion is 'node.k8s.io/v1beta1'", "2 RuntimeClasses have this name", "handler is missing");
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("--strict", 1)]
    public async Task Lint_OverheadBelowTheManifest_IsAWarning(string strict, int exitCode)
    {
        Assert.Equal(exitCode, await RunAsync("", "{ apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: vm}, handler: vm, overhead: {podFixed: {memory: 64Mi}} }", strict));
        Says("warning", "it declares 64Mi as overhead of memory; the plugin's manifest says 134217728", "it declares no overhead of cpu; the plugin's manifest says 250m");
    }

    [Fact]
    public async Task Lint_DisabledHandler_IsAnError()
    {
        Assert.Equal(1, await RunAsync(""", "handlers": { "crun": { "disabled": true } }""", "{ apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: c}, handler: crun }"));
        Says("handler 'crun' is disabled in the configuration");
    }

    [Fact]
    public async Task Lint_RulesThatCannotBeMeant_AreWarnings()
    {
        Assert.Equal(0, await RunAsync("""
            , "selection": {
              "annotations": { "handlers": ["runc"] },
              "rules": [ { "name": "all", "use": "runc" }, { "name": "late", "use": "crun", "when": { "namespaces": ["a"] } },
                         { "name": "all", "use": "crun", "enforce": true, "when": { "privileged": true } }, { "name": "off", "use": "vm", "enforce": true, "share": 0 } ] }
            """));
        Says("rule 'late'", "it is never looked at: rule 'all' takes every pod before it", "2 rules are named 'all'", "no namespace is listed", "its share is 0");
    }

    [Fact]
    public async Task Lint_PluginThatIsNotThere_IsAnErrorWithTheNearestName()
    {
        Assert.Equal(1, await RunAsync(""", "handlers": { "x": { "plugin": "ocj" } }"""));
        Says("there is no plugin 'ocj'", "did you mean 'oci'?");
    }

    [Fact]
    public async Task Lint_BrokenConfiguration_ListsEveryError()
    {
        Assert.Equal(1, await RunAsync(""", "a": 1, "b": 2"""));
        Says("a: unknown key", "b: unknown key");
    }

    [Fact]
    public async Task Lint_BrokenManifest_IsAnError()
    {
        _folder.Write("p/oci/plugin.json", Manifest.Replace("a/b", "run.oci.hooks.stdout", StringComparison.Ordinal));
        Assert.Equal(1, await RunAsync(""));
        Says("annotations: 'run.oci.hooks.stdout' would let a pod control the runtime itself");
    }

    [Fact]
    public async Task Lint_TheRepositorysOwnFiles_HaveNoErrors()
    {
        foreach (var manifest in Directory.EnumerateFiles(Path.Combine(Repository.Root, "plugins"), "plugin.json", SearchOption.AllDirectories))
        {
            _folder.Write($"p/{Path.GetFileName(Path.GetDirectoryName(manifest))}/plugin.json", File.ReadAllText(manifest));
        }

        var config = File.ReadAllText(Path.Combine(Repository.Root, "plugins.json")).Replace("artifacts/plugins", "p", StringComparison.Ordinal);
        var classes = Path.Combine(Repository.Root, "deploy/runtimeclasses.yaml");
        Assert.Equal(0, await RunLineAsync($"lint --config {_folder.Write("plugins.json", config)} -f {classes} --json"));
        Assert.StartsWith("{", _output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("\"error\"", _output.ToString(), StringComparison.Ordinal);
    }

    private void Says(params string[] words) => Assert.All(words, word => Assert.Contains(word, _output.ToString(), StringComparison.Ordinal));

    private Task<int> RunAsync(string more, string? classes = null, string flags = "")
    {
        var config = _folder.Write("plugins.json", $$"""{ "plugins": { "folders": ["p"], "signatures": { "allowUnsigned": true } } {{more}} }""");
        var file = classes is null ? "" : $"-f {_folder.Write("classes.yaml", classes)}";
        return RunLineAsync($"lint --config {config} {file} {flags}");
    }

    private Task<int> RunLineAsync(string line) => CliRoot.Create(static (_, _) => Task.CompletedTask)
        .Parse(line).InvokeAsync(new() { Output = _output, Error = _output }, TestContext.Current.CancellationToken);
}
