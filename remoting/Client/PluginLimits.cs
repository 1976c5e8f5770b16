using System.Globalization;
using System.Text.Json;
using Berth.Linux;

namespace Berth.Remoting.Client;

/// <summary>What a plugin's process and its helpers may take of the machine.</summary>
public sealed record PluginLimits
{
    /// <summary>The default of <see cref="MemoryBytes"/>: many times what a handler needs, and the helpers that it starts.</summary>
    public const long DefaultMemoryBytes = 512L << 20;

    /// <summary>The default of <see cref="Pids"/>; threads count, and a runtime's command has a dozen.</summary>
    public const long DefaultPids = 2048;

    private const long PeriodMicroseconds = 100_000;

    /// <summary>The default of <see cref="CpuMillis"/>: half of the machine, and at least one processor, as the start of a pod is work.</summary>
    public static long DefaultCpuMillis { get; } = Math.Max(1000, Environment.ProcessorCount * 500L);

    /// <summary>The most memory, in bytes.</summary>
    public long MemoryBytes { get; init; } = DefaultMemoryBytes;

    /// <summary>The most processes and threads.</summary>
    public long Pids { get; init; } = DefaultPids;

    /// <summary>The most processor time, in thousandths of a processor.</summary>
    public long CpuMillis { get; init; } = DefaultCpuMillis;

    /// <summary>Puts them into force; what runs already is held to them too.</summary>
    /// <returns>Why there is none of processor time; null if there is. Some kernels have no such limit, and one within a smaller limit is refused.</returns>
    /// <exception cref="LinuxException">The kernel refuses another: with version 1, memory below what is in use.</exception>
    internal string? Apply(Cgroups cgroups, string cgroup)
    {
        var writer = new CgroupLimits(cgroups.Layout);
        writer.Apply(cgroup, Parse($$"""{ "memory": { "limit": {{MemoryBytes}} }, "pids": { "limit": {{Pids}} } }"""));
        try
        {
            writer.Apply(cgroup, Parse($$"""{ "cpu": { "period": {{PeriodMicroseconds}}, "quota": {{CpuMillis * PeriodMicroseconds / 1000}} } }"""));
            return null;
        }
        catch (LinuxException e)
        {
            return e.Message;
        }
    }

    private static JsonElement Parse(FormattableString json) => JsonSerializer.Deserialize<JsonElement>(json.ToString(CultureInfo.InvariantCulture));
}
