using Berth.Abstractions;
using Berth.Linux;

namespace Berth.PluginHost;

/// <summary>Places in a frame's list of descriptors become descriptors of this process.</summary>
internal static class StdioPlaces
{
    public static ExecRequest Resolve(ExecRequest request, IReadOnlyList<SafeFd> descriptors) => request with
    {
        Stdin = Resolve(request.Stdin, descriptors),
        Stdout = Resolve(request.Stdout, descriptors),
        Stderr = Resolve(request.Stderr, descriptors),
    };

    public static AttachRequest Resolve(AttachRequest request, IReadOnlyList<SafeFd> descriptors) => request with
    {
        Stdin = Resolve(request.Stdin, descriptors),
        Stdout = Resolve(request.Stdout, descriptors),
        Stderr = Resolve(request.Stderr, descriptors),
    };

    private static StdioEndpoint Resolve(StdioEndpoint endpoint, IReadOnlyList<SafeFd> descriptors) =>
        endpoint.Descriptor is { } place ? endpoint with { Descriptor = descriptors[place].Number } : endpoint;
}
