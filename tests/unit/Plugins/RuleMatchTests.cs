using Berth.Configuration;
using Berth.Plugins;
using Xunit;

namespace Berth.Tests.Unit.Plugins;

/// <summary>Each condition of a rule by itself: what it takes, what not, and in which words.</summary>
public sealed class RuleMatchTests
{
    // All that a condition can see differs from what it is by itself, so that one which looks at the wrong thing is found.
    private static readonly PodFacts Pod = new()
    {
        Namespace = "shop",
        Name = "web",
        Uid = "uid-1",
        Labels = new Dictionary<string, string> { ["tier"] = "front" },
        Annotations = new Dictionary<string, string> { ["team"] = "blue" },
        HostNetwork = true,
        HostPid = true,
        HostIpc = true,
        Privileged = true,
        MemoryBytes = 1000,
        CpuMillis = 200,
        CpuRequestMillis = 30,
    };

    /// <summary>A rule's conditions, a pod that fits and one that differs in this alone, and why that does not fit.</summary>
    public static TheoryData<string, RuleConditions, PodFacts, PodFacts, string> Conditions => new()
    {
        { "namespaces", new() { Namespaces = ["ci", "sh*"] }, Pod, Pod with { Namespace = "web" }, "namespace 'web' is not ci or sh*" },
        { "names", new() { Names = ["we?"] }, Pod, Pod with { Name = "shop" }, "name 'shop' is not we?" },
        { "labels", new() { Labels = Map("tier", "f*") }, Pod, Pod with { Labels = Map("tier", "back") }, "label tier is not f*" },
        { "a label that is missing", new() { Labels = Map("tier", "*") }, Pod, Pod with { Labels = Map("team", "front") }, "label tier is not there" },
        { "annotations", new() { Annotations = Map("team", "b*") }, Pod, Pod with { Annotations = Map("team", "red") }, "annotation team is not b*" },
        { "an annotation that is a label", new() { Annotations = Map("team", "*") }, Pod, Pod with { Annotations = Map(), Labels = Map("team", "blue") }, "annotation team is not there" },
        { "hostNetwork", new() { HostNetwork = true }, Pod, Pod with { HostNetwork = false }, "hostNetwork is false" },
        { "no hostNetwork", new() { HostNetwork = false }, Pod with { HostNetwork = false }, Pod, "hostNetwork is true" },
        { "hostPid", new() { HostPid = true }, Pod, Pod with { HostPid = false }, "hostPid is false" },
        { "no hostPid", new() { HostPid = false }, Pod with { HostPid = false }, Pod, "hostPid is true" },
        { "hostIpc", new() { HostIpc = true }, Pod, Pod with { HostIpc = false }, "hostIpc is false" },
        { "no hostIpc", new() { HostIpc = false }, Pod with { HostIpc = false }, Pod, "hostIpc is true" },
        { "privileged", new() { Privileged = true }, Pod, Pod with { Privileged = false }, "privileged is false" },
        { "unprivileged", new() { Privileged = false }, Pod with { Privileged = false }, Pod, "privileged is true" },
        { "minMemoryBytes", new() { MinMemoryBytes = 1000 }, Pod, Pod with { MemoryBytes = 999 }, "memory is 999 bytes, below 1000" },
        { "minMemoryBytes without a limit", new() { MinMemoryBytes = 1 }, Pod, Pod with { MemoryBytes = 0 }, "memory is not limited, below 1" },
        { "minCpuMillis", new() { MinCpuMillis = 200 }, Pod, Pod with { CpuMillis = 199 }, "cpu is 199 millis, below 200" },
        { "minCpuRequestMillis", new() { MinCpuRequestMillis = 30 }, Pod, Pod with { CpuRequestMillis = 29 }, "the cpu request is 29 millis, below 30" },
        { "all together", new() { Namespaces = ["shop"], Privileged = true, MinCpuMillis = 100 }, Pod, Pod with { CpuMillis = 99 }, "cpu is 99 millis, below 100" },
    };

    [Theory]
    [MemberData(nameof(Conditions))]
    public void Mismatch_OfACondition_IsInWhatItNamesAlone(string name, RuleConditions when, PodFacts fits, PodFacts fitsNot, string why)
    {
        _ = name;
        var rule = new SelectionRule { Name = "r", Use = "crun", When = when };
        Assert.Null(RuleMatch.Mismatch(rule, fits));
        Assert.Equal(why, RuleMatch.Mismatch(rule, fitsNot));
    }

    [Fact]
    public void Mismatch_OfEveryOtherFact_IsNone()
    {
        var nothing = new PodFacts();
        foreach (var row in Conditions)
        {
            // The fact of the condition alone is kept; a condition that looks elsewhere finds nothing there.
            var (when, fits) = (row.Data.Item2, row.Data.Item3);
            var bare = nothing with
            {
                Namespace = when.Namespaces.Count > 0 ? fits.Namespace : "",
                Name = when.Names.Count > 0 ? fits.Name : "",
                Labels = when.Labels.Count > 0 ? fits.Labels : nothing.Labels,
                Annotations = when.Annotations.Count > 0 ? fits.Annotations : nothing.Annotations,
                HostNetwork = when.HostNetwork is not null && fits.HostNetwork,
                HostPid = when.HostPid is not null && fits.HostPid,
                HostIpc = when.HostIpc is not null && fits.HostIpc,
                Privileged = when.Privileged is not null && fits.Privileged,
                MemoryBytes = when.MinMemoryBytes is null ? 0 : fits.MemoryBytes,
                CpuMillis = when.MinCpuMillis is null ? 0 : fits.CpuMillis,
                CpuRequestMillis = when.MinCpuRequestMillis is null ? 0 : fits.CpuRequestMillis,
            };
            Assert.Null(RuleMatch.Mismatch(when, bare));
        }
    }

    private static Dictionary<string, string> Map(params string[] pair) => pair.Length == 0 ? [] : new() { [pair[0]] = pair[1] };
}
