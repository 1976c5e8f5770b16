using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Shared;

/// <summary>Takes hold of the ends of standard streams that a request names.</summary>
internal static class Endpoints
{
    /// <summary>A descriptor of our own for it; null where the request names none.</summary>
    public static SafeFd? Open(StdioEndpoint endpoint, bool forWriting) => endpoint switch
    {
        { Descriptor: { } number } => SafeFd.Duplicate(number),
        { FifoPath: { } path } => SafeFd.OpenFifo(path, forWriting),
        _ => null,
    };
}
