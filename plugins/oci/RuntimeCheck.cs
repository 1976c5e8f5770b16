using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>Says whether the runtime can run pods on this machine, by asking it.</summary>
internal sealed class RuntimeCheck(OciOptions options, RuntimeCommand runtime, RuntimeProbe probe)
{
    public async Task<HandlerCheck> LookAsync(CancellationToken cancellationToken)
    {
        var facts = await RuntimeFacts.AskAsync(runtime, cancellationToken).ConfigureAwait(false);
        var (refusal, seen) = await ProbeAsync(facts.OciVersion, cancellationToken).ConfigureAwait(false);
        return new()
        {
            Ready = refusal is null,
            Reason = refusal is null ? null : $"{options.Path} cannot create containers on this machine: {refusal}{LayoutHint()}",
            RuntimeVersion = facts.Version,
            OciVersion = facts.OciVersion,
            Features = RuntimeFeatures.Of(facts, seen, options),
            CheckpointReason = RuntimeFeatures.MayCheckpoint(options) ? CriuCheck.Missing(facts, options) : null,
        };
    }

    private async Task<ProbeResult> ProbeAsync(string ociVersion, CancellationToken cancellationToken)
    {
        try
        {
            return await probe.RunAsync(ociVersion, RuntimeFeatures.ToSee(options), cancellationToken).ConfigureAwait(false);
        }
        catch (RuntimeException e)
        {
            return new(e.Message, Asked.Nothing);
        }
    }

    private static string LayoutHint() => CgroupLayout.Detect() is { Mode: CgroupMode.Hybrid, Unified: { } v2 }
        ? $" (cgroup v1 and v2 are mounted side by side here; if the runtime takes only one of them: umount {v2.MountPoint}, or boot with systemd.unified_cgroup_hierarchy=1)"
        : "";
}
