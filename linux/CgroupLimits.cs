using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Berth.Linux;

/// <summary>
/// Writes <c>linux.resources</c> of the OCI runtime specification (config-linux.md) into a cgroup, for handlers whose runtime
/// does not. Only what the object names is changed. Devices on v2 are no file but a program of the kernel, see <see cref="DeviceFilter"/>.
/// </summary>
public sealed class CgroupLimits(CgroupLayout layout)
{
    private const long Unlimited = -1;

    /// <summary>Applies it.</summary>
    /// <param name="path">The cgroup.</param>
    /// <param name="resources">The object.</param>
    /// <exception cref="LinuxException">The kernel refuses a value, or has no such controller here.</exception>
    public void Apply(string path, JsonElement resources)
    {
        Memory(path, Object(resources, "memory"));
        Cpu(path, Object(resources, "cpu"));
        if (Number(Object(resources, "pids"), "limit") is { } pids)
        {
            Write(path, "pids", "pids.max", "pids.max", pids > 0 ? Text(pids) : "max");
        }

        foreach (var limit in Items(resources, "hugepageLimits"))
        {
            var (size, bytes) = (limit.GetProperty("pageSize").GetString(), Text(limit.GetProperty("limit").GetUInt64()));
            Write(path, "hugetlb", $"hugetlb.{size}.limit_in_bytes", $"hugetlb.{size}.max", bytes);
        }

        Devices(path, Items(resources, "devices"));
        Unified(path, Object(resources, "unified"));
    }

    private void Memory(string path, JsonElement? memory)
    {
        var (limit, swap) = (Number(memory, "limit"), Number(memory, "swap"));
        if (Number(memory, "reservation") is { } reservation)
        {
            Write(path, "memory", "memory.soft_limit_in_bytes", "memory.low", Text(reservation));
        }

        if (layout.Find("memory") is { IsV2: true } && limit is { } bytes)
        {
            Write(path, "memory", "", "memory.max", TextOrMax(bytes));
            if (swap is { } both && Has(path, "memory", "memory.swap.max"))
            {
                // v1 and the specification count memory and swap together, v2 swap alone.
                Write(path, "memory", "", "memory.swap.max", both < 0 || bytes < 0 ? "max" : Text(Math.Max(0, both - bytes)));
            }
        }
        else if (layout.Find("memory") is { IsV2: false } || limit is not null)
        {
            MemoryV1(path, limit, Has(path, "memory", "memory.memsw.limit_in_bytes") ? swap : null);
        }
    }

    // The limit may at no moment exceed that of memory and swap together: to raise, the sum goes first.
    private void MemoryV1(string path, long? limit, long? swap)
    {
        const string LimitFile = "memory.limit_in_bytes", SwapFile = "memory.memsw.limit_in_bytes";
        var raises = swap is { } sum && limit is not null && (sum < 0 || sum > Read(path, "memory", SwapFile));
        foreach (var (file, value) in raises ? [(SwapFile, swap), (LimitFile, limit)] : new[] { (LimitFile, limit), (SwapFile, swap) })
        {
            if (value is { } bytes)
            {
                Write(path, "memory", file, "", Text(bytes));
            }
        }
    }

    private void Cpu(string path, JsonElement? cpu)
    {
        if (Number(cpu, "shares") is > 0 and var shares)
        {
            // The mapping that every runtime uses: 2..262144 to 1..10000.
            Write(path, "cpu", "cpu.shares", "cpu.weight", layout.Find("cpu") is { IsV2: true } ? Text(1 + ((Math.Clamp(shares, 2, 262144) - 2) * 9999 / 262142)) : Text(shares));
        }

        var (quota, period) = (Number(cpu, "quota"), Number(cpu, "period"));
        if (layout.Find("cpu") is { IsV2: true })
        {
            if (quota is not null || period is not null)
            {
                Write(path, "cpu", "", "cpu.max", $"{(quota is > 0 and var q ? Text(q) : "max")} {Text(period is > 0 and var p ? p : 100_000)}");
            }
        }
        else
        {
            WriteIf(path, "cpu", "cpu.cfs_period_us", period is > 0 and var p ? Text(p) : null);
            WriteIf(path, "cpu", "cpu.cfs_quota_us", quota is { } q and not 0 ? Text(q) : null);
        }

        WriteIf(path, "cpuset", "cpuset.cpus", String(cpu, "cpus"));
        WriteIf(path, "cpuset", "cpuset.mems", String(cpu, "mems"));
    }

    private void Devices(string path, List<JsonElement> rules)
    {
        if (rules.Count == 0)
        {
            return;
        }

        if (layout.Find("devices") is null)
        {
            DeviceFilter.Attach(layout.Unified!.Folder(path), [.. rules.Select(DeviceRule.Parse), .. DeviceRule.Defaults]);
            return;
        }

        foreach (var rule in rules.Select(DeviceRule.Parse).Concat(DeviceRule.Defaults))
        {
            Write(path, "devices", rule.Allow ? "devices.allow" : "devices.deny", "", rule.ToString());
        }
    }

    private void Unified(string path, JsonElement? unified)
    {
        foreach (var entry in unified is { } map ? map.EnumerateObject().ToList() : [])
        {
            if (entry.Name.Contains('/') || layout.Unified is not { } root)
            {
                throw new LinuxException("write", $"{entry.Name} of cgroup {path}", Libc.EINVAL);
            }

            CgroupFile.Write($"{root.Folder(path)}/{entry.Name}", Encoding.UTF8.GetBytes(entry.Value.GetString() ?? ""));
        }
    }

    private void WriteIf(string path, string controller, string file, string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            Write(path, controller, file, file, value);
        }
    }

    private void Write(string path, string controller, string v1File, string v2File, string value)
    {
        var hierarchy = layout.Find(controller) ?? throw new LinuxException("write", $"cgroup controller {controller}, which this machine does not have", Libc.ENOENT);
        CgroupFile.Write($"{hierarchy.Folder(path)}/{(hierarchy.IsV2 ? v2File : v1File)}", Encoding.ASCII.GetBytes(value));
    }

    private bool Has(string path, string controller, string file) =>
        layout.Find(controller) is { } hierarchy && File.Exists($"{hierarchy.Folder(path)}/{file}");

    private long Read(string path, string controller, string file) =>
        long.Parse(CgroupFile.Words($"{layout.Find(controller)!.Folder(path)}/{file}")[0], CultureInfo.InvariantCulture);

    private static JsonElement? Object(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? value : null;

    private static List<JsonElement> Items(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [];

    private static long? Number(JsonElement? parent, string name) =>
        parent is { } p && p.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number
            ? value.TryGetInt64(out var number) ? number : Unlimited
            : null;

    private static string? String(JsonElement? parent, string name) =>
        parent is { } p && p.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Text(ulong value) => value.ToString(CultureInfo.InvariantCulture);

    private static string TextOrMax(long value) => value < 0 ? "max" : Text(value);
}
