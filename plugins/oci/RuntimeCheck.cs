using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>Says whether the runtime can run pods on this machine, by asking it.</summary>
internal sealed class RuntimeCheck(OciOptions options, RuntimeCommand runtime, Conmon conmon, RuntimeProbe probe)
{
    private readonly Lock _lock = new();
    private Task<HandlerCheck>? _run;
    private string? _key;
    private HandlerCheck? _last;

    /// <summary>Looks; a good answer is kept until a binary or the cgroup layout changes. Callers at the same time share one look.</summary>
    public Task<HandlerCheck> RunAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return _run = _run is null or { IsCompleted: true } ? RunOnceAsync(cancellationToken) : _run;
        }
    }

    private async Task<HandlerCheck> RunOnceAsync(CancellationToken cancellationToken)
    {
        try
        {
            var key = Key();
            if (_last is not { Ready: true } || _key != key)
            {
                (_key, _last) = (key, await LookAsync(cancellationToken).ConfigureAwait(false));
            }

            return _last;
        }
        catch (RuntimeException e)
        {
            return _last = new() { Ready = false, Reason = e.Message };
        }
    }

    private async Task<HandlerCheck> LookAsync(CancellationToken cancellationToken)
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

    private string Key() => string.Join('\n', (string[])[Stamp(runtime.Executable), Stamp(conmon.Executable), .. CgroupLayout.Detect().Hierarchies.Select(static h => h.MountPoint)]);

    private static string Stamp(string path)
    {
        var file = new FileInfo(path);
        return $"{path} {file.Length} {file.LastWriteTimeUtc.Ticks}";
    }

    private static string LayoutHint() => CgroupLayout.Detect() is { Mode: CgroupMode.Hybrid, Unified: { } v2 }
        ? $" (cgroup v1 and v2 are mounted side by side here; if the runtime takes only one of them: umount {v2.MountPoint}, or boot with systemd.unified_cgroup_hierarchy=1)"
        : "";
}
