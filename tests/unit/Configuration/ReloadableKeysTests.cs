using System.Reflection;
using System.Text.Json;
using Berth.Configuration;
using Xunit;

namespace Berth.Tests.Unit.Configuration;

/// <summary>
/// Every key of plugins.json is in force with a reload or declared otherwise. Who adds one decides here which it is, and beside it says
/// which test shows that it is; forgotten, it fails.
/// </summary>
public sealed class ReloadableKeysTests
{
    private static readonly Dictionary<string, string> Reloads = new()
    {
        ["plugins.folders"] = "PluginCatalogTests, HotPluginTests",
        ["plugins.signatures"] = "PluginCatalogTests.Load_KeyIsTakenFromTheList",
        ["plugins.ID"] = "PluginCatalogTests.Load_OtherIsolation, Limits_OfAProcessThatRuns",
        ["health.faults"] = "Health.QuarantineTests.Limits_AreThoseInForce",
        ["health.windowSeconds"] = "Health.QuarantineTests.Limits_AreThoseInForce",
        ["health.quarantineSeconds"] = "Health.QuarantineTests.Limits_AreThoseInForce",
        ["health.longestQuarantineSeconds"] = "Health.QuarantineTests.Limits_AreThoseInForce",
        ["handlers"] = "ConfigurationReloadTests.Edits, PluginCatalogTests.Load_OtherAnnotations",
        ["selection.default"] = "ConfigurationReloadTests.Edits",
        ["selection.annotations.keys"] = "HandlerSelectorTests, of the snapshot's options",
        ["selection.annotations.handlers"] = "HandlerSelectorTests, of the snapshot's options",
        ["selection.annotations.namespaces"] = "HandlerSelectorTests, of the snapshot's options",
        ["selection.annotations.mapped"] = "HandlerSelectorTests, of the snapshot's options",
        ["selection.rules"] = "HandlerSelectorTests, of the snapshot's options",
        ["selection.fallback"] = "QuarantineTests",
        ["images.registries"] = "PullTests.Options_AreThoseInForce",
        ["images.authFile"] = "PullTests.Options_AreThoseInForce",
        ["checkpoints.restoreFrom"] = "CheckpointSources reads it at each restore",
        ["checkpoints.restoreImages"] = "CheckpointSources reads it at each restore",
    };

    public static TheoryData<string, string> Leaves => [.. LeavesOf(typeof(BerthOptions), "")];

    [Theory, MemberData(nameof(Leaves))]
    public void Key_IsDeclared_AndAReloadDoesWithItWhatIsDeclared(string key, string property)
    {
        var declared = RestartKeys.All.Where(k => key == k || key.StartsWith(k + ".", StringComparison.Ordinal)).ToList();
        Assert.True(declared.Count + (Reloads.ContainsKey(key) ? 1 : 0) == 1, $"{key} is to be in RestartKeys or in the table of this test, and not in both");

        var before = new BerthOptions();
        var after = With(before, property.Split('.'));
        Assert.Equal(declared, RestartKeys.Changed(before, after));
        Assert.Equal(Read(declared.Count > 0 ? before : after, property), Read(RestartKeys.Keep(before, after), property));
    }

    [Fact]
    public void Table_NamesOnlyKeysThatThereAre() => Assert.Empty(Reloads.Keys.Except(LeavesOf(typeof(BerthOptions), "").Select(static l => l.Key)));

    // A record of our own is a level; what is listed, mapped or counted is a leaf. Where it was read from is no key.
    private static IEnumerable<(string Key, string Property)> LeavesOf(Type type, string prefix) =>
        from property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
        where property.CanWrite && property.Name is not (nameof(BerthOptions.Sources) or nameof(BerthOptions.SourcePrint))
        let path = prefix + JsonNamingPolicy.CamelCase.ConvertName(property.Name)
        from leaf in IsLevel(property.PropertyType) ? LeavesOf(property.PropertyType, path + ".") : [(KeyOf(path, property.PropertyType), path)]
        select leaf;

    // As the file has it.
    private static string KeyOf(string path, Type type) =>
        type == typeof(TimeSpan) ? (path.EndsWith("Time", StringComparison.Ordinal) ? path[..^"Time".Length] : path) + "Seconds" : path.Replace("plugins.byId", "plugins.ID", StringComparison.Ordinal);

    private static bool IsLevel(Type type) => type.Namespace == typeof(BerthOptions).Namespace && type != typeof(SignatureOptions);

    private static object? Read(object options, string key) => key.Split('.').Aggregate((object?)options, static (o, name) => Property(o!.GetType(), name).GetValue(o));

    private static T With<T>(T options, string[] path)
        where T : notnull
    {
        var copy = options.GetType().GetMethod("<Clone>$")!.Invoke(options, [])!;
        var property = Property(options.GetType(), path[0]);
        property.SetValue(copy, path.Length > 1 ? With(property.GetValue(options)!, path[1..]) : Another(property.GetValue(options), property.PropertyType));
        return (T)copy;
    }

    private static PropertyInfo Property(Type type, string name) => type.GetProperty(char.ToUpperInvariant(name[0]) + name[1..])!;

    private static object Another(object? value, Type type) => value switch
    {
        string text => text + "/other",
        int number => number + 1,
        long number => number + 1,
        bool flag => !flag,
        TimeSpan span => span + TimeSpan.FromSeconds(1),
        SignatureOptions => new SignatureOptions { AllowUnsigned = true },
        IReadOnlyList<string> => (string[])["/other"],
        IReadOnlyList<SelectionRule> => (SelectionRule[])[new()],
        IReadOnlyList<MappedAnnotation> => (MappedAnnotation[])[new("k", "v", "u")],
        IReadOnlyDictionary<string, PluginOptions> => new Dictionary<string, PluginOptions> { ["p"] = new() },
        IReadOnlyDictionary<string, HandlerOptions> => new Dictionary<string, HandlerOptions> { ["h"] = new() },
        IReadOnlyDictionary<string, IReadOnlyList<string>> => new Dictionary<string, IReadOnlyList<string>> { ["h"] = ["i"] },
        _ => throw new NotSupportedException($"this test has no other value of {type}"),
    };
}
