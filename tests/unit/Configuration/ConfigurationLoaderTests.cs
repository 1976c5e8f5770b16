using Berth.Abstractions;
using Berth.Configuration;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Configuration;

public sealed class ConfigurationLoaderTests : IDisposable
{
    private static readonly HashSet<string> Offered = ["runc", "crun"];
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Load_NoFile_GivesTheDefaults()
    {
        var options = ConfigurationLoader.Load(new() { OfferedHandlers = static _ => Offered });

        Assert.Equal("unix:///run/berth/berth.sock", options.Gateway.Listen);
        Assert.Equal("runc", options.Selection.Default);
        Assert.Equal(["/usr/lib/berth/plugins", "/var/lib/berth/plugins"], options.Plugins.Folders);
        Assert.Empty(options.Handlers);
    }

    [Fact]
    public void Load_EveryKey_IsTakenOver()
    {
        var options = Load("""
            {
              // comments and trailing commas are fine
              "gateway": { "listen": "unix:///tmp/b.sock", "root": "/r", "state": "/s", "cgroupDriver": "cgroupfs" },
              "plugins": { "folders": ["/p", "q"], "oci": { "isolation": "process", "memoryBytes": 134217728, "pids": 100, "cpuMillis": 250 } },
              "handlers": { "crun": { "plugin": "oci", "disabled": true, "options": { "path": "crun", "n": 5, "deep": { "on": true }, "list": ["a"] } },
                "other": { "plugin": "oci", "annotations": ["x/y"] } },
              "selection": {
                "default": "runc",
                "annotations": { "keys": ["k"], "handlers": ["*"], "namespaces": ["dev-*"], "mapped": [ { "key": "a/b", "value": "true", "use": "runc" } ] },
                "fallback": { "runc": ["other"] },
                "rules": [
                  { "name": "a", "use": "runc", "enforce": true, "when": { "namespaces": ["n"], "names": ["m"], "labels": { "l/x": "v" }, "annotations": { "a.b/c": "*" },
                    "hostNetwork": true, "hostPid": false, "hostIpc": true, "privileged": false, "minMemoryBytes": 1024, "minCpuMillis": 500, "minCpuRequestMillis": 50 } },
                  { "name": "canary", "use": "other", "share": 5 },
                  { "deny": "no", "when": { "images": ["*evil*"] } },
                ],
              },
              "images": { "registries": "reg", "authFile": "auth.json", "maxParallelLayers": 2 },
              "network": { "confDir": "/c", "binDirs": ["/b"] },
              "security": { "seccompProfile": "s.json" },
              "streaming": { "listen": "[::1]:0" },
              "metrics": { "listen": "" },
              "tracing": { "endpoint": "http://127.0.0.1:4317", "samplingPercent": 10 },
              "cluster": { "kubeconfig": "kube", "node": "n1" },
            }
            """);

        Assert.Equal(new GatewayOptions { Listen = "unix:///tmp/b.sock", Root = "/r", State = "/s", CgroupDriver = "cgroupfs" }, options.Gateway);
        Assert.Equal(["/p", Path.Combine(_folder.Path, "q")], options.Plugins.Folders);
        Assert.Equal(new PluginOptions { Isolation = PluginIsolation.Process, MemoryBytes = 128 << 20, Pids = 100, CpuMillis = 250 }, options.Plugins.ById["oci"]);
        var crun = options.Handlers["crun"];
        Assert.True(crun.Disabled);
        Assert.Equal("""{"path":"crun","n":5,"deep":{"on":true},"list":["a"]}""", crun.Options!.Value.GetRawText());
        Assert.Equal(["dev-*"], options.Selection.Annotations.Namespaces);
        var rule = options.Selection.Rules[0];
        Assert.True(rule.Enforce);
        Assert.Equal("v", rule.When.Labels["l/x"]);
        Assert.Equal("*", rule.When.Annotations["a.b/c"]);
        Assert.Equal((true, false, true, false), (rule.When.HostNetwork, rule.When.HostPid, rule.When.HostIpc, rule.When.Privileged));
        Assert.Equal((1024, 500), (rule.When.MinMemoryBytes, rule.When.MinCpuMillis));
        Assert.Equal(50, rule.When.MinCpuRequestMillis);
        Assert.Equal(("canary", 5), (options.Selection.Rules[1].Name, options.Selection.Rules[1].Share));
        Assert.Equal("rules[2]", options.Selection.Rules[2].Name);
        Assert.Equal(new("a/b", "true", "runc"), Assert.Single(options.Selection.Annotations.Mapped));
        Assert.Equal(["other"], options.Selection.Fallback["runc"]);
        Assert.Equal(["x/y"], options.Handlers["other"].Annotations);
        Assert.Null(crun.Annotations);
        Assert.Equal(Path.Combine(_folder.Path, "reg"), options.Images.Registries);
        Assert.Equal(Path.Combine(_folder.Path, "auth.json"), options.Images.AuthFile);
        Assert.Equal("", options.Metrics.Listen);
        Assert.Equal("[::1]:0", options.Streaming.Listen);
        Assert.Equal(new() { Kubeconfig = Path.Combine(_folder.Path, "kube"), Node = "n1" }, options.Cluster);
        Assert.Equal(new() { Endpoint = "http://127.0.0.1:4317", SamplingPercent = 10 }, options.Tracing);
    }

    [Fact]
    public void Load_ManyMistakes_ReportsAllWithTheirPaths()
    {
        var e = Assert.Throws<ConfigurationException>(() => Load("""
            {
              "gatway": {},
              "gateway": { "lisen": "x", "listen": "tcp://1.2.3.4", "cgroupDriver": "magic", "root": 5 },
              "plugins": { "folders": "one", "oci": { "isolation": "jail", "pids": 1, "memry": 1 }, "Not_one": {}, "foldrs": [],
                "signatures": { "allowUnsined": true, "keys": { "a": { "publicKey": "AAAA" }, "b": { "publicKey": "?", "notAfter": "soon", "plugins": ["A B"] }, "C_": {} } } },
              "handlers": { "BAD_name": {}, "crun": { "disabled": "yes", "disabled": true }, "lost": {} },
              "selection": {
                "default": "rnc",
                "rules": [ { "use": "cruun" }, { "use": "runc", "deny": "x" }, {}, { "use": "runc", "when": { "images": ["a"], "privileged": "no" } }, 7 ]
              },
              "images": { "maxParallelLayers": 1.5 },
              "metrics": { "listen": "localhost" },
              "streaming": []
            }
            """));

        string[] expected =
        [
            "gatway: unknown key; did you mean 'gateway'?",
            "gateway.lisen: unknown key; did you mean 'listen'?",
            "gateway.listen: 'tcp://1.2.3.4' is not an address",
            "gateway.cgroupDriver: 'magic' is not one of",
            "gateway.root: expected a text",
            "plugins.folders: expected a list of texts",
            "plugins.oci.isolation: 'jail' is not one of in-process, process",
            "plugins.oci.pids: '1' is not a whole number from 32",
            "plugins.oci.memry: unknown key",
            "plugins.Not_one: 'not_one' cannot be a plugin's id",
            "plugins.foldrs: expected an object",
            "plugins.signatures.allowUnsined: unknown key; did you mean 'allowUnsigned'?",
            "plugins.signatures.keys.a.publicKey: is not a public key on the curve P-256",
            "plugins.signatures.keys.b.publicKey: is not a public key",
            "plugins.signatures.keys.b.notAfter: 'soon' is not a day like 2030-01-31",
            "plugins.signatures.keys.b.plugins: 'A B' cannot be a plugin's id",
            "plugins.signatures.keys.C_: 'c_' cannot be a key's name",
            "plugins.signatures.keys.C_.publicKey: is not a public key",
            "handlers.BAD_name: 'bad_name' cannot be a handler's name",
            "handlers.crun.disabled: the key is there twice",
            "handlers.crun.disabled: expected true or false",
            "handlers.lost.plugin: no plugin offers",
            "selection.default: there is no handler 'rnc'; did you mean 'runc'?",
            "selection.rules[0].use: there is no handler 'cruun'; did you mean 'crun'?",
            "selection.rules[1].use: a rule has either",
            "selection.rules[2].use: a rule has either",
            "selection.rules[3].when.images: a rule on images can only deny",
            "selection.rules[3].when.privileged: expected true or false",
            "selection.rules[4]: expected an object",
            "images.maxParallelLayers: '1.5' is not a whole number from 1 to 64",
            "metrics.listen: 'localhost' is not an address and port",
            "streaming: expected an object",
        ];
        Assert.All(expected, line => Assert.Contains(e.Errors, error => error.StartsWith(line, StringComparison.Ordinal)));
        Assert.All(e.Errors, error => Assert.Contains(error, e.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Load_MistakesInTheSelection_AreNamed()
    {
        var e = Assert.Throws<ConfigurationException>(() => Load("""
            {
              "handlers": { "crun": { "annotations": ["org.systemd.property.ExecStart", "a/*"] } },
              "selection": {
                "annotations": { "mapped": [ { "key": "k", "use": "cruun", "vallue": "x" } ] },
                "fallback": { "crun": ["crun", "rnc"], "none": ["runc"] },
                "rules": [ { "use": "runc", "share": 5 }, { "name": "a", "deny": "x", "share": 5 }, { "name": "b", "use": "runc", "share": 101 } ]
              }
            }
            """));

        string[] expected =
        [
            "handlers.crun.annotations: 'org.systemd.property.ExecStart' would let a pod control",
            "handlers.crun.annotations: 'a/*' is a pattern",
            "selection.annotations.mapped[0].value: has to be given",
            "selection.annotations.mapped[0].vallue: unknown key; did you mean 'value'?",
            "selection.annotations.mapped[0].use: there is no handler 'cruun'; did you mean 'crun'?",
            "selection.fallback.crun: a handler cannot stand in for itself",
            "selection.fallback.crun: there is no handler 'rnc'; did you mean 'runc'?",
            "selection.fallback.none: there is no handler 'none'",
            "selection.rules[0].share: is for rules with 'use' and a 'name'",
            "selection.rules[1].share: is for rules with 'use' and a 'name'",
            "selection.rules[2].share: '101' is not a whole number from 0 to 100",
        ];
        Assert.All(expected, line => Assert.Contains(e.Errors, error => error.StartsWith(line, StringComparison.Ordinal)));
        Assert.Equal(expected.Length, e.Errors.Count);
    }

    [Theory]
    [InlineData("{\n  \"gateway\": {\n    \"root\" 5\n  }\n}", "line 3, column 12")]
    [InlineData("{", "line 1, column 2")]
    [InlineData("[]", "begin with '{'")]
    [InlineData("", "line 1")]
    public void Load_BrokenJson_NamesThePlace(string json, string place)
    {
        var e = Assert.Throws<ConfigurationException>(() => Load(json));
        Assert.Contains(place, Assert.Single(e.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_MissingFile_SaysSo()
    {
        var e = Assert.Throws<ConfigurationException>(() => ConfigurationLoader.Load(
            new() { File = Path.Combine(_folder.Path, "none.json"), OfferedHandlers = static _ => Offered }));
        Assert.Contains("cannot be read", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_EnvironmentAndFlags_OverrideInThatOrder()
    {
        var options = Load(
            """{ "gateway": { "root": "/file", "state": "/file-state", "listen": "unix:///file.sock" }, "plugins": { "folders": ["/a", "/b"] } }""",
            new() { ["BERTH_GATEWAY__ROOT"] = "/environment", ["BERTH_GATEWAY__STATE"] = "/environment-state", ["BERTH_PLUGINS__FOLDERS__1"] = "/c", ["BERTH_SOCKET"] = "ignored" },
            new() { ["gateway:state"] = "/flag-state" });

        Assert.Equal("/environment", options.Gateway.Root);
        Assert.Equal("/flag-state", options.Gateway.State);
        Assert.Equal("unix:///file.sock", options.Gateway.Listen);
        Assert.Equal(["/a", "/c"], options.Plugins.Folders);
    }

    [Fact]
    public void Load_UnknownVariable_IsAnError()
    {
        var e = Assert.Throws<ConfigurationException>(() => Load("{}", new() { ["BERTH_GATEWAY__LISEN"] = "x" }));
        Assert.StartsWith("gateway.LISEN: unknown key; did you mean 'listen'?", Assert.Single(e.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_OptionsFromTheEnvironment_KeepTheTypesOfTheFile()
    {
        var options = Load(
            """{ "handlers": { "crun": { "options": { "text": "1", "number": 1, "flag": false, "list": ["a", "b"], "kept": null } } } }""",
            new()
            {
                ["BERTH_HANDLERS__CRUN__OPTIONS__TEXT"] = "2",
                ["BERTH_HANDLERS__CRUN__OPTIONS__NUMBER"] = "2",
                ["BERTH_HANDLERS__CRUN__OPTIONS__FLAG"] = "true",
                ["BERTH_HANDLERS__CRUN__OPTIONS__LIST__1"] = "c",
                ["BERTH_HANDLERS__CRUN__OPTIONS__new"] = "x",
            });

        Assert.Equal("""{"text":"2","number":2,"flag":true,"list":["a","c"],"kept":null,"new":"x"}""", options.Handlers["crun"].Options!.Value.GetRawText());
    }

    [Fact]
    public void Load_AManifestIsBroken_LeavesReferencesAlone()
    {
        var path = _folder.Write("plugins.json", """{ "selection": { "default": "clear" } }""");
        var options = ConfigurationLoader.Load(new() { File = path, OfferedHandlers = static _ => null });
        Assert.Equal("clear", options.Selection.Default);
    }

    [Fact]
    public void Load_RuleOnADisabledHandler_IsAnError()
    {
        var e = Assert.Throws<ConfigurationException>(() => Load(
            """{ "handlers": { "crun": { "disabled": true } }, "selection": { "rules": [ { "use": "crun" } ] } }"""));
        Assert.Equal("selection.rules[0].use: handler 'crun' is disabled", Assert.Single(e.Errors));
    }

    [Fact]
    public void Load_AnyText_EndsInOptionsOrInErrors() =>
        Gen.OneOf(Gen.String, Gen.String[Gen.OneOf("{}[]\":,a1 \n/*\\u".ToCharArray()), 0, 60]).Sample(
            text =>
            {
                try
                {
                    Load(text);
                }
                catch (ConfigurationException e)
                {
                    Assert.NotEmpty(e.Errors);
                }
            },
            iter: 300,
            threads: 1);

    [Fact]
    public void Load_TheRepositorysFile_IsValid()
    {
        var options = ConfigurationLoader.Load(new() { File = Path.Combine(Repository.Root, "plugins.json"), OfferedHandlers = static _ => Offered });
        Assert.Equal(Path.Combine(Repository.Root, "artifacts/plugins"), Assert.Single(options.Plugins.Folders));
    }

    private BerthOptions Load(string json, Dictionary<string, string>? environment = null, Dictionary<string, string>? flags = null) =>
        ConfigurationLoader.Load(new()
        {
            File = _folder.Write("plugins.json", json),
            Environment = environment ?? [],
            Flags = flags ?? [],
            OfferedHandlers = static _ => Offered,
        });
}
