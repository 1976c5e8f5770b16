using Berth.Abstractions;
using Berth.Containers.Cdi;

namespace Berth.Containers.Spec;

/// <summary>Classes of Intel's Resource Director Technology: folders that the operator has made in resctrl(7)'s file system.</summary>
internal static class RdtClass
{
    // NAME_MAX, see limits.h.
    private const int MaxName = 255;

    /// <summary>Whether it can be the name of a folder there.</summary>
    internal static bool IsName(string name) =>
        name.Length is > 0 and <= MaxName && name is not ("." or ".." or "info" or "mon_groups" or "mon_data") && !name.Any(static c => c == '/' || char.IsControl(c));

    internal static OciIntelRdt Find(string name, string resctrl)
    {
        if (!File.Exists(Path.Combine(resctrl, "schemata")))
        {
            throw Missing(name, resctrl);
        }

        return IsName(name) && Directory.Exists(Path.Combine(resctrl, name))
            ? new() { ClosID = name }
            : throw RuntimeException.InvalidArgument($"the RDT class \"{name}\" is not among those that this host has in {resctrl}; make the folder, or choose another class");
    }

    internal static OciIntelRdt ToOci(CdiRdt rdt, HostFacts host) => host.HasResctrl
        ? new()
        {
            ClosID = rdt.ClosID,
            L3CacheSchema = rdt.L3CacheSchema,
            MemBwSchema = rdt.MemBwSchema,
            Schemata = rdt.Schemata,
            EnableCMT = rdt.EnableCmt ? true : null,
            EnableMBM = rdt.EnableMbm ? true : null,
            EnableMonitoring = rdt.EnableMonitoring ? true : null,
        }
        : throw Missing(rdt.ClosID ?? "", HostFacts.Resctrl);

    private static RuntimeException Missing(string name, string resctrl) => RuntimeException.FailedPrecondition(
        $"the RDT class \"{name}\" is asked for, but resctrl is not mounted at {resctrl}; mount it if the processor has RDT (mount -t resctrl resctrl {resctrl}), or leave the class out");
}
