using Berth.Abstractions;

namespace Berth.Plugins.Vm;

/// <summary>A process of the guest that somebody follows.</summary>
internal sealed class GuestProcessLink(IProcessEvents events, IPluginLog log, TimeProvider clock) : IDisposable
{
    private PatientOutput _output = new(log, clock);

    public IProcessEvents Events => events;

    public GuestStream Stdin { get; } = new();

    public uint Number { get; set; }

    /// <summary>A connection begins: what waits of an earlier one comes again.</summary>
    public void BeginOutput() => Interlocked.Exchange(ref _output, new(log, clock)).Dispose();

    /// <summary>Passes output on; false if it is not safe, and must not be acknowledged.</summary>
    public Task<bool> OutputAsync(bool isStderr, long offset, ReadOnlyMemory<byte> bytes) =>
        _output.PassAsync(bytes.Length, () => events.OnOutputAsync(isStderr, offset, bytes).AsTask(), Number);

    public void Dispose() => _output.Dispose();
}
