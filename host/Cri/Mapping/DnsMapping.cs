using System.Net;
using Berth.Sandboxes;
using Google.Protobuf.Collections;

namespace Berth.Cri.Mapping;

/// <summary>The DNS configuration of a pod: the words of its resolv.conf.</summary>
internal static class DnsMapping
{
    // A kubelet sends 3 servers and 32 searches at most; resolvers read no more.
    private const int MaxWords = 64;
    private const int MaxWordBytes = 1024;

    /// <summary>Null where the request has none: resolv.conf is then the host's.</summary>
    public static DnsSpec? ToDomain(Protos.DNSConfig? dns, string field) => dns is null
        ? null
        : new(Servers(dns.Servers, $"{field}.servers"), Words(dns.Searches, $"{field}.searches"), Words(dns.Options, $"{field}.options"));

    // A resolver skips what is no address without a word, and the pod would have a DNS that nobody sees failing.
    private static IReadOnlyList<string> Servers(RepeatedField<string> servers, string field) =>
        Words(servers, field).FirstOrDefault(static server => !IPAddress.TryParse(server, out _)) is { } wrong
            ? throw Field.Wrong(field, $"has the entry {Field.Show(wrong)}; it must be an IP address")
            : [.. servers];

    // resolv.conf(5) separates by blanks and lines: a word with either would say something else than the request.
    private static IReadOnlyList<string> Words(RepeatedField<string> words, string field) =>
        Field.Bounded(words, MaxWords, field)
            .FirstOrDefault(static word => word.Length is 0 or > MaxWordBytes || word.Any(static c => char.IsControl(c) || char.IsWhiteSpace(c))) is { } wrong
                ? throw Field.Wrong(field, $"has the entry {Field.Show(wrong)}; an entry has 1 to {MaxWordBytes} characters, no blanks and no control characters")
                : [.. words];
}
