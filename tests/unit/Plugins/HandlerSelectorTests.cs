using Berth.Abstractions;
using Berth.Configuration;
using Berth.Plugins;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Plugins;

public sealed class HandlerSelectorTests
{
    private const string Key = "berth.dev/runtime-handler";
    private static readonly Dictionary<string, string> Known = new() { ["runc"] = "", ["crun"] = "", ["clear"] = "" };

    private static readonly PodFacts Pod = new() { Namespace = "shop", Name = "web" };

    private const string Older = "io.kubernetes.cri.untrusted-workload";

    private static readonly Gen<Dictionary<string, string>> Texts =
        from tier in Gen.OneOf("", "front", "back")
        from team in Gen.OneOf("", "blue", "red")
        select new[] { ("tier", tier), ("team", team) }.Where(static t => t.Item2.Length > 0).ToDictionary(static t => t.Item1, static t => t.Item2);

    private static readonly Gen<PodFacts> Pods =
        from ns in Gen.OneOf("shop", "dev", "kube-system")
        from name in Gen.OneOf("web", "shop", "api")
        from handler in Gen.OneOf("", "", "runc", "crun", "bad")
        from wish in Gen.OneOf("", "clear", "bad")
        from untrusted in Gen.OneOf("", "true", "false")
        from labels in Texts
        from annotations in Texts
        from flags in Gen.Bool.Array[4]
        from sizes in Gen.Long[0, 100].Array[3]
        from uid in Gen.Int[0, 1000]
        select new PodFacts
        {
            Namespace = ns,
            Name = name,
            Uid = $"uid-{uid}",
            RuntimeHandler = handler,
            Labels = labels,
            HostNetwork = flags[0],
            HostPid = flags[1],
            HostIpc = flags[2],
            Privileged = flags[3],
            MemoryBytes = sizes[0],
            CpuMillis = sizes[1],
            CpuRequestMillis = sizes[2],
            Annotations = annotations.Concat([KeyValuePair.Create(Key, wish), KeyValuePair.Create(Older, untrusted)]).Where(static a => a.Value.Length > 0).ToDictionary(),
        };

    private static readonly Gen<bool?> Flag = Gen.OneOf<bool?>(null, null, null, true, false);

    private static readonly Gen<long?> Least = Gen.Long[-200, 100].Select(static l => l < 0 ? (long?)null : l);

    private static readonly Gen<Dictionary<string, string>> Patterns =
        from key in Gen.OneOf("", "", "", "tier", "team")
        from pattern in Gen.OneOf("*", "b*", "front")
        select key.Length == 0 ? [] : new Dictionary<string, string> { [key] = pattern };

    private static readonly Gen<RuleConditions> Conditions =
        from ns in Gen.OneOf("shop", "d*", "kube-*", "*")
        from name in Gen.OneOf("", "", "web", "s*")
        from labels in Patterns
        from annotations in Patterns
        from flags in Flag.Array[4]
        from least in Least.Array[3]
        select new RuleConditions
        {
            Namespaces = [ns],
            Names = name.Length == 0 ? [] : [name],
            Labels = labels,
            Annotations = annotations,
            HostNetwork = flags[0],
            HostPid = flags[1],
            HostIpc = flags[2],
            Privileged = flags[3],
            MinMemoryBytes = least[0],
            MinCpuMillis = least[1],
            MinCpuRequestMillis = least[2],
        };

    private static readonly Gen<SelectionRule> Rules =
        from conditions in Gen.OneOf(Conditions, Gen.Const(new RuleConditions()))
        from use in Gen.OneOf("runc", "crun", "clear", "bad")
        from kind in Gen.Int[0, 2]
        from number in Gen.Int[0, 1000]
        from share in Gen.Int[0, 101]
        select new SelectionRule
        {
            Name = $"{use}-{kind}-{number}",
            Use = kind == 0 ? null : use,
            Deny = kind == 0 ? "no" : null,
            Enforce = kind == 1,
            Share = kind == 0 || share == 101 ? null : share,
            When = conditions,
        };

    private static readonly Gen<SelectionOptions> Options =
        from rules in Rules.Array[0, 6]
        from mapped in Gen.OneOf("", "crun", "bad")
        from believed in Gen.OneOf("*", "shop")
        from fallback in Gen.OneOf("runc", "crun", "clear", "bad").Array[0, 3]
        select new SelectionOptions
        {
            Annotations = new() { Handlers = ["*"], Namespaces = [believed], Mapped = mapped.Length == 0 ? [] : [new(Older, "true", mapped)] },
            Rules = rules,
            Fallback = new Dictionary<string, IReadOnlyList<string>> { ["crun"] = fallback },
        };

    private static readonly Gen<Dictionary<string, string>> Readiness = Gen.OneOf("", "broken").Array[3]
        .Select(static r => new Dictionary<string, string> { ["runc"] = r[0], ["crun"] = r[1], ["clear"] = r[2] });

    [Fact]
    public void Select_NothingSaid_GivesTheDefault()
    {
        var decision = HandlerSelector.Select(Pod, new(), Known);
        Assert.Equal(("runc", "default", null), (decision.Handler, decision.Reason, decision.Refusal));
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

    [Theory]
    [InlineData("true", "shop", "clear", "annotation io.kubernetes.cri.untrusted-workload=true")]
    [InlineData("false", "shop", "runc", "default")]
    [InlineData("true", "dev", "runc", "default")]
    public void Select_MappedAnnotation_IsBelievedFromListedNamespaces(string value, string @namespace, string handler, string reason)
    {
        var pod = Pod with { Namespace = @namespace, Annotations = new Dictionary<string, string> { [Older] = value } };
        var options = new SelectionOptions { Annotations = new() { Namespaces = ["shop"], Mapped = [new(Older, "true", "clear")] } };

        var decision = HandlerSelector.Select(pod, options, Known);

        Assert.Equal((handler, reason), (decision.Handler, decision.Reason));
    }

    [Fact]
    public void Select_UnknownHandler_ListsTheKnownAndTheNearest()
    {
        var decision = HandlerSelector.Select(Pod with { RuntimeHandler = "crum" }, new(), Known);
        Assert.Equal((RuntimeErrorCode.InvalidArgument, ""), (decision.Refusal, decision.Handler));
        Assert.Equal("there is no runtime handler 'crum' (RuntimeClass); did you mean 'crun'? known: clear, crun, runc", decision.Reason);
        Assert.Contains(decision.Steps, static s => s is { Matched: true, Rule: "RuntimeClass" });
    }

    [Fact]
    public void Select_HandlerNotReady_IsRefusedUnlessItHasAFallback()
    {
        var pod = Pod with { RuntimeHandler = "crun" };
        var handlers = new Dictionary<string, string>(Known) { ["crun"] = "no binary" };

        var refused = HandlerSelector.Select(pod, new(), handlers);
        Assert.Equal((RuntimeErrorCode.Unavailable, "crun"), (refused.Refusal, refused.Handler));
        Assert.Equal("handler 'crun' is not ready: no binary (RuntimeClass)", refused.Reason);
        Assert.Equal(RuntimeErrorCode.Unavailable, Assert.Throws<RuntimeException>(refused.EnsureAllowed).Code);

        var options = new SelectionOptions { Fallback = new Dictionary<string, IReadOnlyList<string>> { ["crun"] = ["bad", "clear", "runc"] } };
        var decision = HandlerSelector.Select(pod, options, handlers);
        Assert.Equal(("clear", "fallback of crun, which is not ready (RuntimeClass)"), (decision.Handler, decision.Reason));
        Assert.Contains(decision.Steps, static s => !s.Matched && s.Detail == "bad is not ready either: it does not exist");
        Assert.Equal("RuntimeClass", HandlerSelector.Select(pod, options, Known).Reason);
    }

    [Fact]
    public void Select_EnforcedHandlerNotReady_HasNoFallback()
    {
        var handlers = new Dictionary<string, string>(Known) { ["crun"] = "no binary" };
        var options = new SelectionOptions
        {
            Rules = [Rule("must", "crun") with { Enforce = true }],
            Fallback = new Dictionary<string, IReadOnlyList<string>> { ["crun"] = ["runc"] },
        };
        Assert.Equal(RuntimeErrorCode.Unavailable, HandlerSelector.Select(Pod, options, handlers).Refusal);
    }

    [Fact]
    public void Select_AShare_IsStableGrowsAndIsNearItsPercent()
    {
        string HandlerOf(int uid, int share) => HandlerSelector.Select(
            Pod with { Uid = $"pod-{uid}" }, new() { Rules = [Rule("canary", "crun") with { Share = share }] }, Known).Handler;

        var taken = Enumerable.Range(0, 10_000).Where(u => HandlerOf(u, 5) == "crun").ToList();

        Assert.InRange(taken.Count, 400, 600);
        Assert.All(taken, u => Assert.Equal("crun", HandlerOf(u, 10)));
        Assert.All(Enumerable.Range(0, 100), u => Assert.Equal(("runc", "crun"), (HandlerOf(u, 0), HandlerOf(u, 100))));
    }

    [Fact]
    public void Select_AnEnforcedShare_TakesPodsOfTheRuntimeClass_AndLeavesTheOthersToIt() =>
        Gen.Select(Gen.Int[0, 100], Gen.Int[0, 1_000_000]).Sample((share, uid) =>
        {
            var rule = Rule("canary", "crun") with { Share = share, Enforce = true };
            var pod = Pod with { Uid = $"{uid}", RuntimeHandler = "clear" };
            var taken = share == 100 || RuleShare.Mismatch(rule, pod) is null;
            Assert.Equal(taken ? "crun" : "clear", HandlerSelector.Select(pod, new() { Rules = [rule] }, Known).Handler);
            Assert.True(!taken || HandlerSelector.Select(pod, new() { Rules = [rule with { Share = Math.Min(100, share + 1) }] }, Known).Handler == "crun");
        });

    [Fact]
    public void Select_TwoShares_AreDrawnIndependently()
    {
        var options = new SelectionOptions { Rules = [Rule("a", "crun") with { Share = 50 }, Rule("b", "clear") with { Share = 50 }] };
        var counts = Enumerable.Range(0, 10_000).CountBy(u => HandlerSelector.Select(Pod with { Uid = $"{u}" }, options, Known).Handler).ToDictionary();
        Assert.InRange(counts["crun"], 4_700, 5_300);
        Assert.InRange(counts["clear"], 2_200, 2_800);
    }

    [Fact]
    public void Select_Denied_ThrowsOnlyWhenEnsured()
    {
        var options = new SelectionOptions { Rules = [new() { Name = "r", Deny = "not here", When = new() { Privileged = true } }] };

        var decision = HandlerSelector.Select(Pod with { Privileged = true }, options, Known);

        Assert.Equal(RuntimeErrorCode.PermissionDenied, decision.Refusal);
        Assert.Equal("pod shop/web is denied by rule 'r': not here", decision.Reason);
        Assert.Equal(RuntimeErrorCode.PermissionDenied, Assert.Throws<RuntimeException>(decision.EnsureAllowed).Code);
        Assert.Null(HandlerSelector.Select(Pod, options, Known).Refusal);
    }

    [Fact]
    public void DenyImage_RuleOnImages_DeniesWhereItsOtherConditionsHold()
    {
        var options = new SelectionOptions { Rules = [new() { Name = "r", Deny = "no", When = new() { Images = ["evil.io/*"], Namespaces = ["shop"] } }] };

        Assert.Null(HandlerSelector.Select(Pod, options, Known).Refusal);
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
            Assert.True(first.Handler is "" or "runc" or "crun" or "clear");
        });

    [Fact]
    public void Select_AnyReadiness_GivesAHandlerThatIsReadyOrRefuses() =>
        Gen.Select(Pods, Options, Readiness).Sample((pod, options, readiness) =>
        {
            var decision = HandlerSelector.Select(pod, options, readiness);
            Assert.NotEmpty(decision.Steps);
            Assert.NotEmpty(decision.Reason);
            Assert.Equal(decision.Refusal is null, decision.Handler.Length > 0 && readiness[decision.Handler].Length == 0);
            Assert.Equal(decision.Refusal is RuntimeErrorCode.PermissionDenied or RuntimeErrorCode.InvalidArgument, decision.Handler.Length == 0);
        });

    [Fact]
    public void Select_WhoIsReady_ChangesNothingForAHandlerThatIs() =>
        Gen.Select(Pods, Options, Readiness).Sample((pod, options, readiness) =>
        {
            var all = HandlerSelector.Select(pod, options, Known);
            if (all.Refusal is null && readiness[all.Handler].Length == 0)
            {
                Assert.Equal((all.Handler, all.Reason), Try(pod, options, readiness));
            }
        });

    [Fact]
    public void Select_AnyPod_GetsWhatTheOrderSays() =>
        Gen.Select(Pods, Options).Sample((pod, options) =>
        {
            var decision = HandlerSelector.Select(pod, options, Known);
            var matching = options.Rules.Where(r => Holds(r.When, pod) && (r.Share is null || RuleShare.Mismatch(r, pod) is null)).ToList();
            var believed = options.Annotations.Namespaces.Any(n => Glob.IsMatch(n, pod.Namespace));
            var (by, handler) =
                matching.Find(static r => r.Deny is not null) is { } deny ? ($"rule '{deny.Name}'", "")
                : matching.Find(static r => r.Enforce) is { } force ? ($"enforced by rule '{force.Name}'", force.Use!)
                : pod.RuntimeHandler.Length > 0 ? ("RuntimeClass", pod.RuntimeHandler)
                : believed && pod.Annotations.TryGetValue(Key, out var wish) ? ($"annotation {Key}", wish)
                : believed && options.Annotations.Mapped is [var mapped] && pod.Annotations.GetValueOrDefault(Older) == "true" ? ($"annotation {Older}=true", mapped.Use)
                : matching.Find(static r => r is { Deny: null, Enforce: false }) is { } plain ? ($"rule '{plain.Name}'", plain.Use!)
                : ("default", "runc");
            Assert.Equal((by, handler == "bad" ? "" : handler), (decision.DecidedBy, decision.Handler));
        });

    [Fact]
    public void Select_AnEnforcedRuleThatMatches_CannotBeEscapedByThePod() =>
        Gen.Select(Pods, Options, Readiness).Sample((pod, options, readiness) =>
        {
            options = options with { Rules = [Rule("must", "clear") with { Enforce = true }, .. options.Rules.Where(static r => r.Deny is null)] };
            Assert.Equal("clear", HandlerSelector.Select(pod, options, readiness).Handler);
        });

    [Fact]
    public void Select_AMatchingDenyRule_WinsWhereverItStands() =>
        Gen.Select(Pods, Options, Gen.Int[0, 6]).Sample((pod, options, at) =>
        {
            List<SelectionRule> rules = [.. options.Rules];
            rules.Insert(Math.Min(at, rules.Count), new() { Name = "deny", Deny = "no" });
            Assert.Equal(RuntimeErrorCode.PermissionDenied, HandlerSelector.Select(pod, options with { Rules = rules }, Known).Refusal);
        });

    [Fact]
    public void Select_RulesThatDoNotMatch_ChangeNothingWhereverTheyStand() =>
        Gen.Select(Pods, Options, Rules.Array[1, 4], Gen.Int[0, 6]).Sample((pod, options, others, at) =>
        {
            List<SelectionRule> rules = [.. options.Rules];
            rules.InsertRange(Math.Min(at, rules.Count), others.Select(static r => r with { When = r.When with { Names = ["another"] } }));
            Assert.Equal(Try(pod, options), Try(pod, options with { Rules = rules }));
        });

    // What a rule's conditions say, written a second time.
    private static bool Holds(RuleConditions when, PodFacts pod) =>
        (when.Namespaces.Count == 0 || when.Namespaces.Any(p => Glob.IsMatch(p, pod.Namespace)))
        && (when.Names.Count == 0 || when.Names.Any(p => Glob.IsMatch(p, pod.Name)))
        && when.Labels.All(l => pod.Labels.TryGetValue(l.Key, out var value) && Glob.IsMatch(l.Value, value))
        && when.Annotations.All(a => pod.Annotations.TryGetValue(a.Key, out var value) && Glob.IsMatch(a.Value, value))
        && (when.HostNetwork ?? pod.HostNetwork) == pod.HostNetwork
        && (when.HostPid ?? pod.HostPid) == pod.HostPid
        && (when.HostIpc ?? pod.HostIpc) == pod.HostIpc
        && (when.Privileged ?? pod.Privileged) == pod.Privileged
        && pod.MemoryBytes >= (when.MinMemoryBytes ?? 0)
        && pod.CpuMillis >= (when.MinCpuMillis ?? 0)
        && pod.CpuRequestMillis >= (when.MinCpuRequestMillis ?? 0);

    private static (string Handler, string Reason) Try(PodFacts pod, SelectionOptions options, Dictionary<string, string>? handlers = null)
    {
        var decision = HandlerSelector.Select(pod, options, handlers ?? Known);
        return (decision.Handler, decision.Reason);
    }

    private static SelectionRule Rule(string name, string use) => new() { Name = name, Use = use };

    private static SelectionOptions Allowing() => new() { Annotations = new() { Handlers = ["*"], Namespaces = ["*"] } };
}
