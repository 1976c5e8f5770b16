using System.Buffers.Binary;
using System.Text;

namespace Berth.Linux;

/// <summary>Counters of a network interface, as the namespace that it is in sees them.</summary>
public sealed record LinkUsage(
    string Name, ulong RxBytes, ulong RxPackets, ulong RxErrors, ulong RxDropped, ulong TxBytes, ulong TxPackets, ulong TxErrors, ulong TxDropped)
{
    // linux/netlink.h, linux/rtnetlink.h, linux/if_link.h
    private const ushort NLMSG_ERROR = 2, NLMSG_DONE = 3, RTM_NEWLINK = 16, RTM_GETLINK = 18, IFLA_IFNAME = 3, IFLA_STATS64 = 23;
    private const ushort NLM_F_REQUEST = 1, NLM_F_DUMP = 0x300;
    private const int HeaderBytes = 16, LinkBytes = 16, AttributeBytes = 4;

    /// <summary>
    /// The interfaces of several network namespaces, by path; a namespace that is gone, or goes meanwhile, is left out. One
    /// thread of its own visits them all.
    /// </summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<LinkUsage>> ReadAll(IReadOnlyList<string> namespaces) =>
        Namespaces.InEachNetwork(namespaces, static () => Read());

    // RTM_GETLINK of rtnetlink(7), of all links.
    private static unsafe List<LinkUsage> Read()
    {
        using var socket = new SafeFd(Libc.socket(Libc.AF_NETLINK, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, 0));
        Span<byte> request = stackalloc byte[HeaderBytes + LinkBytes];
        request.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(request, request.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(request[4..], RTM_GETLINK);
        BinaryPrimitives.WriteUInt16LittleEndian(request[6..], NLM_F_REQUEST | NLM_F_DUMP);
        socket.Write(request);

        var links = new List<LinkUsage>();
        // The kernel fills at most 32 KiB at once and never splits a message.
        var buffer = new byte[32 * 1024];
        while (socket.Read(buffer) is > 0 and var count)
        {
            if (Parse(buffer.AsSpan(0, count), links))
            {
                break;
            }
        }

        return links;
    }

    /// <summary>Reads the messages of one datagram; true: the dump ends with it.</summary>
    internal static bool Parse(ReadOnlySpan<byte> messages, List<LinkUsage> links)
    {
        while (messages.Length >= HeaderBytes)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(messages);
            if (length < HeaderBytes || length > messages.Length)
            {
                throw new InvalidDataException($"a netlink message claims {length} bytes of {messages.Length}");
            }

            switch (BinaryPrimitives.ReadUInt16LittleEndian(messages[4..]))
            {
                case NLMSG_DONE:
                    return true;
                case NLMSG_ERROR:
                    throw new InvalidDataException("the kernel refuses to list network interfaces");
                case RTM_NEWLINK when length >= HeaderBytes + LinkBytes && ParseLink(messages[(HeaderBytes + LinkBytes)..length]) is { } link:
                    links.Add(link);
                    break;
            }

            messages = messages[Math.Min(Align(length), messages.Length)..];
        }

        return false;
    }

    private static LinkUsage? ParseLink(ReadOnlySpan<byte> attributes)
    {
        string? name = null;
        ReadOnlySpan<byte> counters = [];
        while (attributes.Length >= AttributeBytes)
        {
            var length = BinaryPrimitives.ReadUInt16LittleEndian(attributes);
            if (length < AttributeBytes || length > attributes.Length)
            {
                break;
            }

            var value = attributes[AttributeBytes..length];
            switch (BinaryPrimitives.ReadUInt16LittleEndian(attributes[2..]))
            {
                case IFLA_IFNAME:
                    name = Encoding.UTF8.GetString(value.TrimEnd((byte)0));
                    break;
                case IFLA_STATS64:
                    counters = value;
                    break;
            }

            attributes = attributes[Math.Min(Align(length), attributes.Length)..];
        }

        return name is null || counters.Length < 64 ? null : Of(name, counters);
    }

    // struct rtnl_link_stats64: packets, bytes, errors, dropped; of each first what came in.
    private static LinkUsage Of(string name, ReadOnlySpan<byte> counters) => new(
        name,
        RxBytes: Counter(counters, 2),
        RxPackets: Counter(counters, 0),
        RxErrors: Counter(counters, 4),
        RxDropped: Counter(counters, 6),
        TxBytes: Counter(counters, 3),
        TxPackets: Counter(counters, 1),
        TxErrors: Counter(counters, 5),
        TxDropped: Counter(counters, 7));

    private static ulong Counter(ReadOnlySpan<byte> counters, int index) => BinaryPrimitives.ReadUInt64LittleEndian(counters[(index * 8)..]);

    private static int Align(int length) => (length + 3) & ~3;
}
