using Berth.Abstractions;

namespace Berth.Remoting.Client;

/// <summary>Descriptors of this process become places in the list that travels with the frame.</summary>
internal sealed class StdioDescriptors
{
    private readonly List<int> _numbers = [];

    public IReadOnlyList<int> Numbers => _numbers;

    public StdioEndpoint Add(StdioEndpoint endpoint)
    {
        if (endpoint.Descriptor is not { } number)
        {
            return endpoint;
        }

        _numbers.Add(number);
        return endpoint with { Descriptor = _numbers.Count - 1 };
    }
}
