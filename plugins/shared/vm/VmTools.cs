using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>What every VM of a handler works with.</summary>
internal sealed record VmTools
{
    public required VmOptions Options { get; init; }

    public required string StateDirectory { get; init; }

    public required Cgroups Cgroups { get; init; }

    public required IHandlerContext Context { get; init; }

    public required IRootfsSupply Supply { get; init; }

    public required TimeProvider Clock { get; init; }

    public IPluginLog Log => Context.Log;

    public VmFiles FilesOf(string sandboxId) => VmFiles.Of(StateDirectory, sandboxId);

    public ProcessExit Lost(string reason) => new() { Code = 255, FinishedAt = Clock.GetUtcNow(), LostReason = reason };
}
