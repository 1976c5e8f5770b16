using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Network;

/// <summary>Finds a private IPv4 subnet that the machine does not use or reach yet.</summary>
public static class SubnetPicker
{
    // Rare ones first: 10.0, 172.17 and 192.168 are where others settle.
    private static readonly IPNetwork[] PrivateRanges =
        [IPNetwork.Parse("10.222.0.0/16"), IPNetwork.Parse("10.64.0.0/10"), IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("172.16.0.0/12"), IPNetwork.Parse("192.168.0.0/16")];

    /// <summary>Picks one.</summary>
    /// <param name="prefixLength">16 to 29.</param>
    /// <param name="confDirs">Folders of CNI configurations whose subnets are taken too; they may be missing.</param>
    /// <exception cref="RuntimeException">None is free.</exception>
    public static IPNetwork Pick(int prefixLength, IEnumerable<string> confDirs) =>
        FirstFree(prefixLength, [.. Routes(File.ReadLines("/proc/net/route")), .. Addresses(), .. NameServers(), .. confDirs.SelectMany(Configured)]);

    /// <summary>The first subnet that overlaps with none of those taken.</summary>
    internal static IPNetwork FirstFree(int prefixLength, IReadOnlyList<IPNetwork> taken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(prefixLength, 16);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(prefixLength, 29);
        foreach (var range in PrivateRanges)
        {
            var end = (long)ToNumber(range.BaseAddress) + (1L << (32 - range.PrefixLength));
            for (long start = ToNumber(range.BaseAddress); start < end; start += 1L << (32 - prefixLength))
            {
                var candidate = new IPNetwork(FromNumber((uint)start), prefixLength);
                if (!taken.Any(t => Overlaps(t, candidate)))
                {
                    return candidate;
                }
            }
        }

        throw new RuntimeException(
            RuntimeErrorCode.ResourceExhausted, $"no private IPv4 subnet of size /{prefixLength} is free: every one overlaps with a route, an address or a CNI configuration of this machine");
    }

    /// <summary>The lines of /proc/net/route: destination and mask are hexadecimal in the machine's byte order, see proc_net(5).</summary>
    internal static IEnumerable<IPNetwork> Routes(IEnumerable<string> lines)
    {
        foreach (var fields in lines.Skip(1).Select(static l => l.Split('\t')).Where(static f => f.Length > 7))
        {
            var mask = IPAddress.NetworkToHostOrder((int)uint.Parse(fields[7].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
            var length = int.PopCount(mask);
            // The default route reaches everything and takes nothing.
            if (length > 0)
            {
                var destination = IPAddress.NetworkToHostOrder((int)uint.Parse(fields[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                yield return new(FromNumber((uint)destination & (uint)mask), length);
            }
        }
    }

    private static IEnumerable<IPNetwork> Addresses() =>
        NetworkInterface.GetAllNetworkInterfaces().SelectMany(static i => i.GetIPProperties().UnicastAddresses)
            .Where(static a => a.Address.AddressFamily == AddressFamily.InterNetwork)
            .Select(static a => Containing(a.Address, a.PrefixLength));

    // Reached over the default route, a name server would be lost behind a subnet of ours.
    private static IEnumerable<IPNetwork> NameServers() =>
        !File.Exists("/etc/resolv.conf") ? [] : File.ReadLines("/etc/resolv.conf")
            .Select(static l => l.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            .Where(static f => f is ["nameserver", _, ..])
            .Select(static f => IPAddress.TryParse(f[1], out var ip) && ip.AddressFamily == AddressFamily.InterNetwork ? ip : null)
            .OfType<IPAddress>().Select(static ip => new IPNetwork(ip, 32));

    private static IEnumerable<IPNetwork> Configured(string confDir)
    {
        foreach (var file in CniConfigFile.List(confDir))
        {
            JsonElement root;
            try
            {
                root = JsonElement.Parse(file.Read());
            }
            catch (Exception e) when (e is JsonException or IOException or FormatException)
            {
                continue; // a file that no runtime can use takes no subnet
            }

            foreach (var network in Subnets(root))
            {
                yield return network;
            }
        }
    }

    // Plugins name their subnets under many keys, so every text that reads as one counts.
    private static IEnumerable<IPNetwork> Subnets(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(static p => Subnets(p.Value)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Subnets),
        JsonValueKind.String when element.GetString()!.Split('/') is [var address, var length]
            && IPAddress.TryParse(address, out var ip) && ip.AddressFamily == AddressFamily.InterNetwork
            && int.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out var bits) && bits is > 0 and <= 32 => [Containing(ip, bits)],
        _ => [],
    };

    private static IPNetwork Containing(IPAddress address, int prefixLength) =>
        new(FromNumber(prefixLength == 0 ? 0 : ToNumber(address) & (uint.MaxValue << (32 - prefixLength))), prefixLength);

    private static bool Overlaps(IPNetwork a, IPNetwork b) => a.Contains(b.BaseAddress) || b.Contains(a.BaseAddress);

    private static uint ToNumber(IPAddress address) => (uint)IPAddress.NetworkToHostOrder(BitConverter.ToInt32(address.GetAddressBytes()));

    private static IPAddress FromNumber(uint number) => new(BitConverter.GetBytes(IPAddress.HostToNetworkOrder((int)number)));
}
