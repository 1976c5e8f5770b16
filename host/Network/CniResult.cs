using Berth.Abstractions;

namespace Berth.Network;

/// <summary>What an ADD made.</summary>
/// <param name="Network">For the handler.</param>
/// <param name="Ips">The pod's addresses without prefix length, the primary first; at least one.</param>
/// <param name="RawResult">The last plugin's JSON, to be kept for DEL.</param>
public sealed record CniResult(PodNetwork Network, IReadOnlyList<string> Ips, string RawResult);
