using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.ShimV2;

/// <summary>Says whether the shim can run pods on this machine, by asking it.</summary>
internal sealed class ShimCheck(HandlerConfig config, IHandlerContext context, ShimTools tools)
{
    private readonly ShimProbe _probe = new(config, context, tools);

    public async Task<HandlerCheck> LookAsync(CancellationToken cancellationToken)
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
}
