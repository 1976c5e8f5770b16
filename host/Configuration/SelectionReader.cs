namespace Berth.Configuration;

/// <summary>The <c>selection</c> section: who gets which handler.</summary>
internal static class SelectionReader
{
    public static SelectionOptions Read(ConfigNode node) => new()
    {
        Default = node.Text("default") ?? new SelectionOptions().Default,
        Annotations = node.Object("annotations", Annotations) ?? new(),
        Rules = node.List("rules", Rule),
        Fallback = node.TextLists("fallback"),
    };

    private static AnnotationOptions Annotations(ConfigNode node)
    {
        var defaults = new AnnotationOptions();
        return new()
        {
            Keys = node.Texts("keys") ?? defaults.Keys,
            Handlers = node.Texts("handlers") ?? defaults.Handlers,
            Namespaces = node.Texts("namespaces") ?? defaults.Namespaces,
            Mapped = node.List("mapped", static (_, mapped) => new MappedAnnotation(Given(mapped, "key"), Given(mapped, "value"), Given(mapped, "use"))),
        };
    }

    private static string Given(ConfigNode node, string key)
    {
        if (node.Text(key) is { Length: > 0 } text)
        {
            return text;
        }

        node.Error(key, "has to be given");
        return "";
    }

    private static SelectionRule Rule(int index, ConfigNode node)
    {
        var rule = new SelectionRule
        {
            Name = node.Text("name") ?? $"rules[{index}]",
            When = node.Object("when", Conditions) ?? new(),
            Use = node.Text("use"),
            Enforce = node.Flag("enforce") ?? false,
            Deny = node.Text("deny"),
            Share = (int?)node.Number("share", 0, 100),
        };

        if (rule.Use is null == rule.Deny is null)
        {
            node.Error("use", "a rule has either 'use' with a handler or 'deny' with a reason");
        }

        if (rule.Deny is "")
        {
            node.Error("deny", "the reason is empty; it is what the pod's owner gets to see");
        }

        if (rule.Share is not null && (rule.Deny is not null || node.Text("name") is null))
        {
            node.Error("share", "is for rules with 'use' and a 'name': the name and the pod's uid decide which pods are in it");
        }

        if (rule.When.Images.Count > 0 && rule.Deny is null)
        {
            node.Error("when.images", "a rule on images can only deny: the image is not known when a pod's handler is chosen");
        }

        return rule;
    }

    private static RuleConditions Conditions(ConfigNode node) => new()
    {
        Namespaces = node.Texts("namespaces") ?? [],
        Names = node.Texts("names") ?? [],
        Labels = node.Map("labels"),
        Annotations = node.Map("annotations"),
        HostNetwork = node.Flag("hostNetwork"),
        HostPid = node.Flag("hostPid"),
        HostIpc = node.Flag("hostIpc"),
        Privileged = node.Flag("privileged"),
        MinMemoryBytes = node.Number("minMemoryBytes", 0, long.MaxValue),
        MinCpuMillis = node.Number("minCpuMillis", 0, long.MaxValue),
        MinCpuRequestMillis = node.Number("minCpuRequestMillis", 0, long.MaxValue),
        Images = node.Texts("images") ?? [],
    };
}
