using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.ShimV2;

/// <summary>Says whether the shim can run pods on this machine, by asking it; a good answer is kept until a binary or the cgroup layout changes.</summary>
internal sealed class ShimCheck(HandlerConfig config, IHandlerContext context, ShimTools tools)
{
    private readonly Lock _lock = new();
    private readonly ShimProbe _probe = new(config, context, tools);
    private Task<HandlerCheck>? _run;
    private string? _key;
    private HandlerCheck? _last;

    /// <summary>Looks. Callers at the same time share one look.</summary>
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
        DemandRunc();
        if (Executable.Find(tools.Logger) is null)
        {
            throw RuntimeException.Unavailable($"the logger {tools.Logger} is missing: build the plugin on a machine with clang and zlib1g-dev, or set the option 'logger'");
        }

        var version = await tools.Command.VersionAsync(cancellationToken).ConfigureAwait(false);
        var refusal = await _probe.RunAsync(cancellationToken).ConfigureAwait(false);
        return new()
        {
            Ready = refusal is null,
            Reason = refusal is null ? null : $"{tools.Options.Executable} cannot create containers on this machine: {refusal}",
            RuntimeVersion = version,
            Features = ShimFeatures.Of(tools.Options),
        };
    }

    // runc's shim looks for it only when it creates a container, and its words for what is missing are few.
    private void DemandRunc()
    {
        if (RuntimeOptions.RuncBinary(tools.RuntimeOptions) is { } runc && Executable.Find(runc) is null)
        {
            throw RuntimeException.Unavailable(
                $"runtime '{runc}' is not in {Executable.SearchPath}: install the package that has it (Debian: apt-get install {Path.GetFileName(runc)}) or set the option 'binaryName'");
        }
    }

    private string Key() => string.Join(
        '\n', (string[])[Stamp(tools.Command.Executable), .. CgroupLayout.Detect().Hierarchies.Select(static h => h.MountPoint)]);

    private static string Stamp(string path)
    {
        var file = new FileInfo(path);
        return $"{path} {file.Length} {file.LastWriteTimeUtc.Ticks}";
    }
}
