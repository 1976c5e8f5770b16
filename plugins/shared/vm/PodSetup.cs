using Berth.Abstractions;
using Berth.Guest.Protocol;

namespace Berth.Plugins.Vm;

/// <summary>What the guest is told of its pod.</summary>
internal static class PodSetup
{
    public static Configure Of(StartSandboxRequest request) => new()
    {
        Hostname = request.Sandbox.Hostname,
        Interfaces = [.. (request.Network?.Interfaces ?? []).Select(static i => new GuestInterface(i.MacAddress ?? "", i.Name, i.Mtu, i.Addresses))],
        Routes = [.. (request.Network?.Routes ?? []).Select(static r => new GuestRoute(r.Destination, r.Gateway))],
    };
}
