using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>One end of a stream that a request names.</summary>
internal static class Endpoint
{
    /// <summary>What ends the input of a terminal: control-D, VEOF of termios(3). A terminal that loses its input hangs up.</summary>
    public static readonly ReadOnlyMemory<byte> EndOfTerminalInput = new byte[] { 4 };

    /// <summary>A copy of the descriptor, or the FIFO opened; null where there is neither.</summary>
    public static SafeFd? Open(StdioEndpoint endpoint, bool forWriting) => endpoint switch
    {
        { Descriptor: { } number } => SafeFd.Duplicate(number),
        { FifoPath: { } path } => SafeFd.OpenFifo(path, forWriting),
        _ => null,
    };
}
