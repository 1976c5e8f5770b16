namespace Berth.Streaming.WebSockets;

/// <summary>A subprotocol of Kubernetes' channels over WebSocket: each message is a channel's number and bytes for it.</summary>
/// <param name="Name">As clients offer it; empty if they offer none.</param>
/// <param name="Base64">Text messages: the number is a digit, the bytes are base64.</param>
/// <param name="JsonStatus">The error channel ends with a status object; otherwise with text, and only if something failed.</param>
/// <param name="ClosesChannels">A message <c>255 n</c> closes channel n.</param>
internal sealed record ChannelProtocol(string Name, bool Base64 = false, bool JsonStatus = false, bool ClosesChannels = false)
{
    /// <summary>For sessions with a process.</summary>
    public static IReadOnlyList<ChannelProtocol> Console { get; } =
    [
        new("v5.channel.k8s.io", JsonStatus: true, ClosesChannels: true),
        new("v4.channel.k8s.io", JsonStatus: true),
        new("v4.base64.channel.k8s.io", Base64: true, JsonStatus: true),
        new("channel.k8s.io"),
        new("base64.channel.k8s.io", Base64: true),
        new(""),
    ];

    /// <summary>For ports.</summary>
    public static IReadOnlyList<ChannelProtocol> Ports { get; } =
        [new("v4.channel.k8s.io"), new("v4.base64.channel.k8s.io", Base64: true), new("")];

    /// <summary>For ports, with SPDY inside: the messages are a byte pipe.</summary>
    public const string Tunnel = "SPDY/3.1+portforward.k8s.io";
}
