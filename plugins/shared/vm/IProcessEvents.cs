using Berth.Abstractions;

namespace Berth.Plugins.Vm;

/// <summary>What the agent tells of one process. Calls come one after another and must return at once.</summary>
internal interface IProcessEvents
{
    /// <summary>Bytes of each stream that are safe already, from an earlier connection.</summary>
    (long Stdout, long Stderr) Offsets { get; }

    /// <summary>
    /// Output; the task completes when it is safe, and the agent need not keep it. An <see cref="IOException"/> says that there is no
    /// room for it now: the same call comes again.
    /// </summary>
    ValueTask OnOutputAsync(bool isStderr, long offset, ReadOnlyMemory<byte> bytes);

    /// <summary>The end, after the last output is safe. When the task completes, the exit is safe too; it never fails.</summary>
    Task OnExitAsync(ProcessExit exit);

    /// <summary>Nobody will tell the end.</summary>
    void OnLost(ProcessExit exit);
}
