using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Berth.Tests.Support;

/// <summary>A client of Kubernetes' channels over .NET's WebSocket.</summary>
public sealed class ChannelClient : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly ClientWebSocket _socket = new();
    private readonly Dictionary<int, MemoryStream> _received = [];
    private bool _base64;

    /// <summary>How the server closed.</summary>
    public WebSocketCloseStatus? CloseStatus => _socket.CloseStatus;

    public string? Protocol => _socket.SubProtocol;

    /// <param name="url">As the server gave it.</param>
    /// <param name="protocols">With commas between; empty offers none.</param>
    /// <param name="isTrusted">Of the server's certificate, for https.</param>
    public static async Task<ChannelClient> ConnectAsync(string url, string protocols, Func<X509Certificate?, bool>? isTrusted = null)
    {
        var client = new ChannelClient();
        if (isTrusted is not null)
        {
            client._socket.Options.RemoteCertificateValidationCallback = (_, certificate, _, _) => isTrusted(certificate);
        }

        foreach (var protocol in protocols.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            client._socket.Options.AddSubProtocol(protocol);
        }

        using var limit = new CancellationTokenSource(Limit);
        await client._socket.ConnectAsync(new UriBuilder(url) { Scheme = isTrusted is null ? "ws" : "wss" }.Uri, limit.Token);
        client._base64 = client.Protocol?.Contains("base64", StringComparison.Ordinal) ?? false;
        return client;
    }

    public byte[] Bytes(int channel) => _received.GetValueOrDefault(channel)?.ToArray() ?? [];

    public string Text(int channel) => Encoding.UTF8.GetString(Bytes(channel));

    public Task SendAsync(int channel, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return _base64
            ? SendRawAsync(Encoding.ASCII.GetBytes($"{channel}{Convert.ToBase64String(bytes)}"), WebSocketMessageType.Text)
            : SendRawAsync([(byte)channel, .. bytes], WebSocketMessageType.Binary);
    }

    public async Task SendRawAsync(byte[] message, WebSocketMessageType type)
    {
        using var limit = new CancellationTokenSource(Limit);
        await _socket.SendAsync(message, type, endOfMessage: true, limit.Token);
    }

    /// <summary>Reads until the server closes.</summary>
    public async Task ReadToEndAsync()
    {
        while (await ReadAsync())
        {
            // A message at a time.
        }
    }

    /// <summary>Reads until a channel has a text.</summary>
    public async Task ReadUntilAsync(int channel, string text)
    {
        while (!Text(channel).Contains(text, StringComparison.Ordinal))
        {
            if (!await ReadAsync())
            {
                throw new InvalidOperationException($"the server closed; channel {channel} has: {Text(channel)}, channel 3: {Text(3)}");
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<bool> ReadAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        using var message = new MemoryStream();
        var buffer = new byte[64 * 1024];
        WebSocketReceiveResult piece;
        do
        {
            piece = await _socket.ReceiveAsync(buffer, limit.Token);
            message.Write(buffer, 0, piece.Count);
        }
        while (!piece.EndOfMessage);
        if (piece.MessageType == WebSocketMessageType.Close)
        {
            await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, limit.Token);
            return false;
        }

        Keep(message.ToArray());
        return true;
    }

    private void Keep(byte[] message)
    {
        var channel = _base64 ? message[0] - '0' : message[0];
        if (!_received.TryGetValue(channel, out var stream))
        {
            _received[channel] = stream = new();
        }

        stream.Write(_base64 ? Convert.FromBase64String(Encoding.ASCII.GetString(message, 1, message.Length - 1)) : message[1..]);
    }
}
