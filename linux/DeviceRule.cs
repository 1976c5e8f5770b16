using System.Globalization;
using System.Text.Json;

namespace Berth.Linux;

/// <summary>A rule of a device cgroup, as config-linux.md has it.</summary>
/// <param name="Allow">Or deny.</param>
/// <param name="Type"><c>a</c> (both), <c>b</c> or <c>c</c>.</param>
/// <param name="Major">Null is every one.</param>
/// <param name="Minor">Null is every one.</param>
/// <param name="Access">Of <c>r</c>, <c>w</c> and <c>m</c> (mknod).</param>
public sealed record DeviceRule(bool Allow, char Type, uint? Major, uint? Minor, string Access)
{
    /// <summary>
    /// What every container has without being asked (config-linux.md, "Default Devices"): null, zero, full, random, urandom, tty, ptmx,
    /// terminals; and the making of nodes, which gives no access to what they stand for.
    /// </summary>
    public static IReadOnlyList<DeviceRule> Defaults { get; } =
    [
        new(true, 'c', null, null, "m"),
        new(true, 'b', null, null, "m"),
        .. new uint[] { 3, 5, 7, 8, 9 }.Select(static minor => new DeviceRule(true, 'c', 1, minor, "rwm")),
        new(true, 'c', 5, 0, "rwm"),
        new(true, 'c', 5, 2, "rwm"),
        new(true, 'c', 136, null, "rwm"),
    ];

    /// <summary>Reads a rule.</summary>
    public static DeviceRule Parse(JsonElement rule)
    {
        var type = rule.TryGetProperty("type", out var t) && t.GetString() is { Length: 1 } given ? given[0] : 'a';
        var access = rule.TryGetProperty("access", out var a) && a.GetString() is { Length: > 0 } letters ? letters : "rwm";
        return new(rule.GetProperty("allow").GetBoolean(), type is 'u' ? 'c' : type, Number(rule, "major"), Number(rule, "minor"), access);
    }

    /// <summary>In the form of the v1 files devices.allow and devices.deny.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Type} {Any(Major)}:{Any(Minor)} {Access}");

    private static string Any(uint? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "*";

    // A negative number is every one, too.
    private static uint? Number(JsonElement rule, string name) =>
        rule.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetUInt32(out var number) ? number : null;
}
