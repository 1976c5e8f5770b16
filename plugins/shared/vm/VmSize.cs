using Berth.Abstractions;

namespace Berth.Plugins.Vm;

/// <summary>A VM's size: what the pod may use, and what the guest itself needs.</summary>
/// <param name="MemoryMiB">All of the guest's memory.</param>
/// <param name="Processors">Virtual processors.</param>
internal sealed record VmSize(int MemoryMiB, int Processors)
{
    private const long MiB = 1 << 20;

    public static VmSize Of(PodResources pod, VmOptions options)
    {
        // The operator's overhead counts where it is larger than what the guest needs: a smaller one would let it starve.
        var overhead = Math.Max(options.OverheadMemoryMiB, ToMiB(pod.OverheadMemoryBytes));
        var containers = pod.MemoryBytes > 0 ? ToMiB(pod.MemoryBytes) : options.DefaultMemoryMiB;
        var processors = pod.CpuMillis > 0 ? (int)Math.Min((pod.CpuMillis + 999) / 1000, Environment.ProcessorCount) : options.DefaultProcessors;
        return new((int)Math.Min(overhead + containers, int.MaxValue), Math.Max(1, Math.Min(processors, Environment.ProcessorCount)));
    }

    /// <summary>What InfoAsync says where the declared overhead is too small.</summary>
    public static string? OverheadNote(PodResources pod, VmOptions options) =>
        pod.OverheadMemoryBytes < options.OverheadMemoryMiB * MiB
            ? $"the pod declares {ToMiB(pod.OverheadMemoryBytes)} MiB of overhead, the guest needs {options.OverheadMemoryMiB} MiB: that counts"
            : null;

    private static long ToMiB(long bytes) => (bytes + MiB - 1) / MiB;
}
