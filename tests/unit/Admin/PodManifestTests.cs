using System.Text.Json;
using Berth.Abstractions;
using Berth.Admin;
using Berth.Cli;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Admin;

public sealed class PodManifestTests
{
    private const string Pod = """
        apiVersion: v1
        kind: Pod
        metadata:
          name: web
          namespace: shop
          labels: {app: "web", n: "1"}
          annotations:
            berth.dev/runtime-handler: crun
        spec:
          hostPID: true
          runtimeClassName: clear
          initContainers:
          - {name: i, resources: {limits: {memory: 1Gi}}}
          containers:
          - {name: a, resources: {limits: {memory: 128Mi, cpu: 500m}}}
          - name: b
            securityContext: {privileged: true}
            resources: {limits: {memory: 64Mi, cpu: 1}, requests: {cpu: 200m}}
        """;

    [Fact]
    public void ToFacts_PodInYaml_TellsWhatRunPodSandboxWould()
    {
        var facts = PodManifest.ToFacts(Yaml(Pod), "");

        Assert.Equal(("shop", "web", "clear"), (facts.Namespace, facts.Name, facts.RuntimeHandler));
        Assert.Equal((false, true, false, true), (facts.HostNetwork, facts.HostPid, facts.HostIpc, facts.Privileged));
        Assert.Equal((1L << 30, 1500L), (facts.MemoryBytes, facts.CpuMillis));
        Assert.Equal(700, facts.CpuRequestMillis);
        Assert.Equal("1", facts.Labels["n"]);
        Assert.Equal("crun", facts.Annotations["berth.dev/runtime-handler"]);
        Assert.Equal("other", PodManifest.ToFacts(Yaml(Pod), "other").RuntimeHandler);
    }

    [Fact]
    public void ToFacts_Workload_StandsForItsTemplate()
    {
        var facts = PodManifest.ToFacts(Yaml("""
            apiVersion: v1
            kind: ConfigMap
            ---
            kind: Deployment
            metadata: {name: d, namespace: shop}
            spec: {template: {metadata: {labels: {a: b}}, spec: {hostNetwork: true, containers: []}}}
            """), "");
        Assert.Equal(("shop", "d", true, "b"), (facts.Namespace, facts.Name, facts.HostNetwork, facts.Labels["a"]));
    }

    [Theory]
    [InlineData("kind: Pod", "no manifest with a spec")]
    [InlineData("spec: 1", "neither a Pod nor has a pod template")]
    [InlineData("kind: Pod\nspec: {hostNetwork: 1}", "hostNetwork is not true or false")]
    [InlineData("kind: Pod\nmetadata: {labels: {a: 1}}\nspec: {}", "labels.a is not a text")]
    [InlineData("kind: Pod\nspec: {containers: [{resources: {limits: {cpu: lots}}}]}", "'lots' is not a quantity")]
    [InlineData("a: [", "line 2, column 1")]
    [InlineData("spec: &a\n  b: *a", "too large or too deep")]
    public void ToFacts_NoPod_SaysWhatIsWrong(string yaml, string message)
    {
        var e = Assert.Throws<RuntimeException>(() => PodManifest.ToFacts(Yaml(yaml), ""));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, e.Code);
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ToFacts_AliasBomb_IsRefused()
    {
        var levels = Enumerable.Range(1, 12).Select(static i => $"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]");
        var yaml = $"spec: {{}}\na0: &a0 [x]\n{string.Join('\n', levels)}";
        Assert.Contains("too large", Assert.Throws<RuntimeException>(() => Yaml(yaml)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1", 1)]
    [InlineData("0.5", 0.5)]
    [InlineData("500m", 0.5)]
    [InlineData("1Ki", 1024)]
    [InlineData("2e3", 2000)]
    [InlineData("1.5G", 1.5e9)]
    public void Parse_Quantity_GivesItsValue(string quantity, double expected) => Assert.Equal((decimal)expected, PodSize.Parse(quantity));

    [Fact]
    public void Parse_HugeQuantity_IsTheLargestNumber() => Assert.Equal(long.MaxValue, PodSize.Parse("1E15E"));

    [Fact]
    public void Parse_AnyText_IsANumberOrRefused() => Gen.String[Gen.OneOf("0123456789.eE+-mkKMGi".ToCharArray()), 0, 12].Sample(text =>
    {
        try
        {
            return PodSize.Parse(text) >= 0;
        }
        catch (RuntimeException e)
        {
            return e.Code == RuntimeErrorCode.InvalidArgument;
        }
    });

    [Fact]
    public void Parse_AnyYaml_IsAManifestOrRefused() => Gen.String[Gen.OneOf("spec: {}[]&a*\n-'\"|>#!%".ToCharArray()), 0, 40].Sample(
        static text =>
        {
            try
            {
                PodManifest.ToFacts(Yaml(text), "");
            }
            catch (RuntimeException)
            {
                // Refused, with a reason.
            }
        },
        iter: 5000);

    private static JsonElement Yaml(string text) => ManifestFile.PodOf(ManifestFile.Parse(text, "pod.yaml"), "pod.yaml");
}
