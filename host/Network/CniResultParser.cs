using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Berth.Abstractions;

namespace Berth.Network;

/// <summary>
/// Reads the result of the last plugin (CNI specification, section 5, "Success"). A plugin's output goes on to handlers and
/// into Status, so whatever is out of bounds or makes no sense is refused.
/// </summary>
internal static partial class CniResultParser
{
    private const int MaxEntries = 64;
    private const int MaxRoutes = 512;

    public static CniResult Parse(JsonElement result, CniNetworkList network, CniRequest request)
    {
        try
        {
            var interfaces = Interfaces(result);
            var addresses = Addresses(result, interfaces);
            var pod = new PodNetwork
            {
                NamespacePath = request.NetnsPath!,
                Interfaces = [.. interfaces.Where(static i => i.InPod).Select(i => new PodInterface(
                    i.Name, i.Mac, i.Mtu, [.. addresses.Where(a => ReferenceEquals(a.Interface, i)).Select(static a => a.Cidr)]))],
                Routes = [.. Items(result, "routes", MaxRoutes).Select(Route)],
                DnsServers = request.DnsServers.Count > 0 ? request.DnsServers : NameServers(result),
            };
            // The interface that was asked for comes first, and with it the primary address.
            var ips = addresses.OrderBy(a => a.Interface.Name == "eth0" ? 0 : 1).Select(static a => a.Cidr.Split('/')[0]).ToList();
            return ips.Count > 0 ? new(pod, ips, result.GetRawText()) : throw new FormatException("it has no address for the pod; an ipam section may be missing");
        }
        catch (FormatException e)
        {
            throw new RuntimeException(
                RuntimeErrorCode.Internal, $"CNI network '{network.Name}' gave pod {request.PodNamespace}/{request.PodName} a result that is refused: {e.Message}", e);
        }
    }

    private static List<Interface> Interfaces(JsonElement result)
    {
        var list = Items(result, "interfaces", MaxEntries).Select(static item => new Interface(
            Matching(InterfacePattern(), item, "name") ?? throw new FormatException("an interface has no name"),
            Matching(MacPattern(), item, "mac"),
            Number(item, "mtu"),
            Text(item, "sandbox") is { Length: > 0 })).ToList();
        // Some plugins list their host interface alone, or none, and addresses without an index: those are the pod's.
        return list.Exists(static i => i.InPod) ? list : [.. list, new("eth0", null, 0, true)];
    }

    private static List<Address> Addresses(JsonElement result, List<Interface> interfaces) =>
        [.. Items(result, "ips", MaxEntries).Select(item => ParseAddress(item, interfaces)).Where(static a => a.Interface.InPod)];

    private static Address ParseAddress(JsonElement item, List<Interface> interfaces)
    {
        var cidr = Cidr(Text(item, "address") ?? "", "address");
        var ip = IPAddress.Parse(cidr.Split('/')[0]);
        if (ip.Equals(IPAddress.Any) || ip.Equals(IPAddress.IPv6Any) || ip.Equals(IPAddress.Broadcast) || IPAddress.IsLoopback(ip)
            || ip.IsIPv6Multicast || (ip.GetAddressBytes() is [>= 224 and <= 239, _, _, _]))
        {
            throw new FormatException($"'{cidr}' cannot be a pod's address");
        }

        var owner = !item.TryGetProperty("interface", out var index) || index.ValueKind == JsonValueKind.Null
            ? interfaces.First(static i => i.InPod)
            : index.ValueKind == JsonValueKind.Number && index.TryGetInt32(out var at) && at >= 0 && at < interfaces.Count
                ? interfaces[at]
                : throw new FormatException($"address {cidr} names an interface that is not listed");
        return new(owner, cidr);
    }

    private static PodRoute Route(JsonElement item)
    {
        var gateway = Text(item, "gw");
        return gateway is null or "" || IPAddress.TryParse(gateway, out _)
            ? new(Cidr(Text(item, "dst") ?? "", "route"), gateway is "" ? null : gateway)
            : throw new FormatException($"the gateway '{Shown(gateway)}' is no address");
    }

    private static List<string> NameServers(JsonElement result) =>
        !result.TryGetProperty("dns", out var dns) || dns.ValueKind != JsonValueKind.Object
            ? []
            : [.. Items(dns, "nameservers", MaxEntries).Select(static n =>
                n.ValueKind == JsonValueKind.String && IPAddress.TryParse(n.GetString(), out _)
                    ? n.GetString()!
                    : throw new FormatException($"the name server {Shown(n.GetRawText())} is no address"))];

    private static string Cidr(string text, string what)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 && CidrPattern().IsMatch(text) && IPAddress.TryParse(text.AsSpan(0, slash), out var ip)
            && int.Parse(text.AsSpan(slash + 1), System.Globalization.CultureInfo.InvariantCulture) <= ip.GetAddressBytes().Length * 8
                ? text
                : throw new FormatException($"the {what} '{Shown(text)}' is no address with a prefix length");
    }

    private static List<JsonElement> Items(JsonElement parent, string key, int limit)
    {
        if (!parent.TryGetProperty(key, out var list) || list.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        return list.ValueKind != JsonValueKind.Array ? throw new FormatException($"{key} is no list")
            : list.GetArrayLength() > limit ? throw new FormatException($"{key} has {list.GetArrayLength()} entries, more than {limit}")
            : [.. list.EnumerateArray()];
    }

    private static string? Text(JsonElement item, string key) =>
        item.ValueKind != JsonValueKind.Object ? throw new FormatException($"where an object with '{key}' belongs stands {Shown(item.GetRawText())}")
        : !item.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw new FormatException($"{key} is no text");

    private static string? Matching(Regex pattern, JsonElement item, string key) =>
        Text(item, key) is not { Length: > 0 } text ? null
        : pattern.IsMatch(text) ? text
        : throw new FormatException($"the {key} '{Shown(text)}' of an interface is not valid");

    private static int Number(JsonElement item, string key) =>
        !item.TryGetProperty(key, out var value) ? 0
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number is >= 0 and <= 1 << 20 ? number
        : throw new FormatException($"the {key} of an interface is not valid");

    private static string Shown(string text) => text.Length > 64 ? text[..64] + "..." : text;

    // Linux: 15 bytes, no '/' and no space; see dev_valid_name in the kernel's net/core/dev.c.
    [GeneratedRegex(@"\A[^/:\s\p{C}]{1,15}\z")]
    private static partial Regex InterfacePattern();

    [GeneratedRegex(@"\A[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5,19}\z")]
    private static partial Regex MacPattern();

    [GeneratedRegex(@"\A[0-9A-Fa-f.:]+/[0-9]{1,3}\z")]
    private static partial Regex CidrPattern();

    private sealed record Interface(string Name, string? Mac, int Mtu, bool InPod);

    private sealed record Address(Interface Interface, string Cidr);
}
