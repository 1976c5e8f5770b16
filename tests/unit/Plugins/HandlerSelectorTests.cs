using Berth.Abstractions;
using Berth.Configuration;
using Berth.Plugins;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Plugins;

public sealed class HandlerSelectorTests
{
    private const string Key = "berth.dev/runtime-handler";
    private static readonly string[] Known = ["runc", "crun", "clear"];

    private static readonly PodFacts Pod = new() { Namespace = "shop", Name = "web" };

    private static readonly Gen<PodFacts> Pods =
        from ns in Gen.OneOf("shop", "dev", "kube-system")
        from handler in Gen.OneOf("", "", "runc", "crun", "bad")
        from wish in Gen.OneOf("", "clear", "bad")
        from privileged in Gen.Bool
        from memory in Gen.Long[0, 100]
        select new PodFacts
        {
            Namespace = ns,
            Name = "web",
            RuntimeHandler = handler,
            Privileged = privileged,
            MemoryBytes = memory,
            Annotations = wish.Length == 0 ? new Dictionary<string, string>() : new() { [Key] = wish },
        };

    private static readonly Gen<SelectionRule> Rules =
        from ns in Gen.OneOf("shop", "d*", "kube-*", "*")
        from use in Gen.OneOf("runc", "crun", "clear", "bad")
        from kind in Gen.Int[0, 2]
        from least in Gen.Long[0, 100]
        select new SelectionRule
        {
            Name = $"{ns}-{use}-{kind}-{least}",
            Use = kind == 0 ? null : use,
            Deny = kind == 0 ? "no" : null,
            Enforce = kind == 1,
            When = new() { Namespaces = [ns], MinMemoryBytes = least },
        };

    private static readonly Gen<SelectionOptions> Options = Rules.Array[0, 6].Select(static rules => Allowing() with { Rules = rules });

    [Fact]
    public void Select_NothingSaid_GivesTheDefault()
    {
        var decision = HandlerSelector.Select(Pod, new(), Known);
        Assert.Equal(("runc", "default", false), (decision.Handler, decision.Reason, decision.Denied));
    }

    [Fact]
    public void Select_EachStep_YieldsToTheOneBefore()
    {
        var pod = Pod with { RuntimeHandler = "runc", Annotations = new Dictionary<string, string> { [Key] = "clear" } };
        var options = Allowing() with { Default = "clear", Rules = [Rule("plain", "crun"), Rule("force", "clear") with { Enforce = true }] };

        Assert.Equal("enforced by rule 'force'", HandlerSelector.Select(pod, options, Known).Reason);
        options = options with { Rules = [Rule("plain", "crun")] };
        Assert.Equal("RuntimeClass", HandlerSelector.Select(pod, options, Known).Reason);
        pod = pod with { RuntimeHandler = "" };
        Assert.Equal($"annotation {Key}", HandlerSelector.Select(pod, options, Known).Reason);
        pod = pod with { Annotations = new Dictionary<string, string>() };
        Assert.Equal("rule 'plain'", HandlerSelector.Select(pod, options, Known).Reason);
        options = options with { Rules = [] };
        Assert.Equal("default", HandlerSelector.Select(pod, options, Known).Reason);
    }

    [Theory]
    [InlineData("dev-*", "clear")]
    [InlineData("*", "runc")]
    public void Select_AnnotationThatTheOperatorDoesNotList_IsNotBelieved(string @namespace, string handler)
    {
        var pod = Pod with { Annotations = new Dictionary<string, string> { [Key] = "clear" } };
        var options = new SelectionOptions { Annotations = new() { Handlers = [handler], Namespaces = [@namespace] } };

        var decision = HandlerSelector.Select(pod, options, Known);

        Assert.Equal("default", decision.Reason);
        Assert.Contains(decision.Steps, static s => s is { Matched: false, Rule: $"annotation {Key}" });
    }

    [Fact]
    public void Select_OlderAnnotation_CanBeMappedByARule()
    {
        var pod = Pod with { Annotations = new Dictionary<string, string> { ["io.kubernetes.cri.untrusted-workload"] = "true" } };
        var when = new RuleConditions { Annotations = new Dictionary<string, string> { ["io.kubernetes.cri.untrusted-workload"] = "true" } };
        Assert.Equal("clear", HandlerSelector.Select(pod, new() { Rules = [Rule("untrusted", "clear") with { When = when }] }, Known).Handler);
    }

    [Fact]
    public void Select_UnknownHandler_ListsTheKnownAndTheNearest()
    {
        var e = Assert.Throws<RuntimeException>(() => HandlerSelector.Select(Pod with { RuntimeHandler = "crum" }, new(), Known));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, e.Code);
        Assert.Equal("there is no runtime handler 'crum' (RuntimeClass); did you mean 'crun'? known: clear, crun, runc", e.Message);
    }

    [Fact]
    public void Select_Denied_ThrowsOnlyWhenEnsured()
    {
        var options = new SelectionOptions { Rules = [new() { Name = "r", Deny = "not here", When = new() { Privileged = true } }] };

        var decision = HandlerSelector.Select(Pod with { Privileged = true }, options, Known);

        Assert.True(decision.Denied);
        Assert.Equal("pod shop/web is denied by rule 'r': not here", decision.Reason);
        Assert.Equal(RuntimeErrorCode.PermissionDenied, Assert.Throws<RuntimeException>(decision.EnsureAllowed).Code);
        Assert.False(HandlerSelector.Select(Pod, options, Known).Denied);
    }

    [Fact]
    public void DenyImage_RuleOnImages_DeniesWhereItsOtherConditionsHold()
    {
        var options = new SelectionOptions { Rules = [new() { Name = "r", Deny = "no", When = new() { Images = ["evil.io/*"], Namespaces = ["shop"] } }] };

        Assert.False(HandlerSelector.Select(Pod, options, Known).Denied);
        Assert.Equal("rule 'r' denies the image evil.io/a:1: no", HandlerSelector.DenyImage(Pod, ["a:1", "evil.io/a:1"], options));
        Assert.Null(HandlerSelector.DenyImage(Pod, ["good.io/a:1"], options));
        Assert.Null(HandlerSelector.DenyImage(Pod with { Namespace = "dev" }, ["evil.io/a:1"], options));
    }

    [Fact]
    public void Select_AnyPod_IsDeterministicAndNeverGivesAnUnknownHandler() =>
        Gen.Select(Pods, Options).Sample((pod, options) =>
        {
            var first = Try(pod, options);
            Assert.Equal(first, Try(pod, options));
            Assert.True(first.Handler is "" or "runc" or "crun" or "clear" or "refused");
        });

    [Fact]
    public void Select_AMatchingDenyRule_WinsWhereverItStands() =>
        Gen.Select(Pods, Options, Gen.Int[0, 6]).Sample((pod, options, at) =>
        {
            List<SelectionRule> rules = [.. options.Rules];
            rules.Insert(Math.Min(at, rules.Count), new() { Name = "deny", Deny = "no" });
            Assert.True(HandlerSelector.Select(pod, options with { Rules = rules }, Known).Denied);
        });

    [Fact]
    public void Select_RulesThatDoNotMatch_ChangeNothingWhereverTheyStand() =>
        Gen.Select(Pods, Options, Rules.Array[1, 4], Gen.Int[0, 6]).Sample((pod, options, others, at) =>
        {
            List<SelectionRule> rules = [.. options.Rules];
            rules.InsertRange(Math.Min(at, rules.Count), others.Select(static r => r with { When = r.When with { Names = ["another"] } }));
            Assert.Equal(Try(pod, options), Try(pod, options with { Rules = rules }));
        });

    private static (string Handler, string Reason) Try(PodFacts pod, SelectionOptions options)
    {
        try
        {
            var decision = HandlerSelector.Select(pod, options, Known);
            return (decision.Handler, decision.Reason);
        }
        catch (RuntimeException e) when (e.Code == RuntimeErrorCode.InvalidArgument)
        {
            return ("refused", e.Message);
        }
    }

    private static SelectionRule Rule(string name, string use) => new() { Name = name, Use = use };

    private static SelectionOptions Allowing() => new() { Annotations = new() { Handlers = ["*"], Namespaces = ["*"] } };
}
