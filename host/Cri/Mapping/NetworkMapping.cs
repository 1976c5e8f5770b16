using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Berth.Cri.Mapping;

/// <summary>What a kubelet tells of the node's network.</summary>
internal static class NetworkMapping
{
    private const int MaxCharacters = 256;

    /// <summary>One address range, or two with a comma between them where the node has IPv4 and IPv6.</summary>
    public static string CheckCidrs(string cidrs, string field) =>
        cidrs.Length <= MaxCharacters && cidrs.Split(',').All(IsCidr)
            ? cidrs
            : throw Field.Wrong(field, $"is {Field.Show(cidrs)}; it must be address ranges such as 10.244.1.0/24, with commas between them");

    private static bool IsCidr(string text) =>
        text.Split('/') is [var address, var length]
        && IPAddress.TryParse(address, out var parsed)
        && int.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out var bits)
        && bits <= (parsed.AddressFamily == AddressFamily.InterNetwork ? 32 : 128);
}
