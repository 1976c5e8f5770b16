using System.Globalization;
using System.Text.Json;

namespace Berth.Linux;

/// <summary>A property of a unit as D-Bus has it, see org.freedesktop.systemd1(5).</summary>
/// <param name="Name">Such as <c>MemoryMax</c>.</param>
/// <param name="Signature">The type of its value.</param>
/// <param name="Value">The value, word by word, as busctl(1) takes it.</param>
public sealed record SystemdProperty(string Name, string Signature, params IReadOnlyList<string> Value)
{
    private const string Infinity = "18446744073709551615";

    /// <summary>
    /// Those of <c>linux.resources</c> of the OCI runtime specification that systemd writes itself, and would write over: each that is
    /// named there, in the words of the version of cgroups that the machine has.
    /// </summary>
    public static IReadOnlyList<SystemdProperty> Of(JsonElement resources, CgroupLayout layout)
    {
        var v2 = layout.Mode == CgroupMode.V2;
        var (memory, cpu) = (Object(resources, "memory"), Object(resources, "cpu"));
        var found = new List<SystemdProperty>();
        var limit = Number(memory, "limit");
        if (limit is { } bytes)
        {
            found.Add(new(v2 ? "MemoryMax" : "MemoryLimit", "t", Text(bytes)));
        }

        if (v2 && limit is { } alone && Number(memory, "swap") is { } both)
        {
            // v1 and the specification count memory and swap together, v2 swap alone.
            found.Add(new("MemorySwapMax", "t", both < 0 || alone < 0 ? Infinity : Text(Math.Max(0, both - alone))));
        }

        if (Number(cpu, "shares") is > 0 and var shares)
        {
            found.Add(v2 ? new("CPUWeight", "t", Text(1 + ((Math.Clamp(shares, 2, 262144) - 2) * 9999 / 262142))) : new("CPUShares", "t", Text(shares)));
        }

        AddQuota(found, Number(cpu, "quota"), Number(cpu, "period"));
        AddList(found, "AllowedCPUs", v2 ? String(cpu, "cpus") : null);
        AddList(found, "AllowedMemoryNodes", v2 ? String(cpu, "mems") : null);
        return found;
    }

    // systemd counts in whole hundredths of a second for each second, and what is rounded down would refuse a container all of it.
    private static void AddQuota(List<SystemdProperty> found, long? quota, long? period)
    {
        if (period is > 0 and var length)
        {
            found.Add(new("CPUQuotaPeriodUSec", "t", Text(length)));
        }

        if (quota is { } time and not 0)
        {
            const long Second = 1_000_000, Hundredth = 10_000;
            var perSecond = (Int128)time * Second / (period is > 0 and var p ? p : 100_000);
            found.Add(new("CPUQuotaPerSecUSec", "t", time < 0 ? Infinity : ((perSecond + Hundredth - 1) / Hundredth * Hundredth).ToString(CultureInfo.InvariantCulture)));
        }
    }

    // A list such as 0-3,7 as bits, the lowest byte first.
    private static void AddList(List<SystemdProperty> found, string name, string? list)
    {
        if (string.IsNullOrEmpty(list))
        {
            return;
        }

        var bits = new SortedSet<int>();
        foreach (var range in list.Split(',').Select(static r => r.Split('-')))
        {
            bits.UnionWith(Enumerable.Range(int.Parse(range[0], CultureInfo.InvariantCulture), int.Parse(range[^1], CultureInfo.InvariantCulture) - int.Parse(range[0], CultureInfo.InvariantCulture) + 1));
        }

        var bytes = new byte[(bits.Max / 8) + 1];
        foreach (var bit in bits)
        {
            bytes[bit / 8] |= (byte)(1 << (bit % 8));
        }

        found.Add(new(name, "ay", [Text(bytes.Length), .. bytes.Select(static b => Text(b))]));
    }

    private static JsonElement? Object(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? value : null;

    private static long? Number(JsonElement? parent, string name) => parent is { } p && p.TryGetProperty(name, out var value) && value.TryGetInt64(out var number) ? number : null;

    private static string? String(JsonElement? parent, string name) => parent is { } p && p.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static string Text(long value) => value < 0 ? Infinity : value.ToString(CultureInfo.InvariantCulture);
}
