using System.Net;
using Berth.Sandboxes;
using Google.Protobuf.Collections;

namespace Berth.Cri.Mapping;

/// <summary>The ports that a pod publishes on the node.</summary>
internal static class PortMappingMapping
{
    private const int MaxPorts = 4096;

    public static IReadOnlyList<PortMapping> ToDomain(RepeatedField<Protos.PortMapping> ports, string field)
    {
        var taken = new HashSet<(string, int, string)>();
        var all = new List<PortMapping>();
        foreach (var (index, given) in Field.Bounded(ports, MaxPorts, field).Index())
        {
            var port = One(given, $"{field}[{index}]");
            // Of two rules for one port of the node only the first would ever be reached.
            if (port.HostPort > 0 && !taken.Add((port.Protocol, port.HostPort, port.HostIp)))
            {
                throw Field.Wrong($"{field}[{index}].host_port", $"{port.HostPort}/{port.Protocol} is published twice in this pod; give each its own port or host_ip");
            }

            all.Add(port);
        }

        return all;
    }

    private static PortMapping One(Protos.PortMapping port, string field)
    {
        if (port.HostIp.Length > 0 && !IPAddress.TryParse(port.HostIp, out _))
        {
            throw Field.Wrong($"{field}.host_ip", $"is {Field.Show(port.HostIp)}; it must be an IP address, or empty for every address");
        }

        var protocol = port.Protocol switch
        {
            Protos.Protocol.Tcp => "tcp",
            Protos.Protocol.Udp => "udp",
            Protos.Protocol.Sctp => "sctp",
            _ => throw Field.Unknown($"{field}.protocol", (int)port.Protocol),
        };
        return new(
            protocol,
            (int)Field.Within(port.ContainerPort, 1, ushort.MaxValue, $"{field}.container_port"),
            (int)Field.Within(port.HostPort, 0, ushort.MaxValue, $"{field}.host_port"),
            port.HostIp);
    }
}
