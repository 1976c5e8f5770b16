using System.Buffers.Text;
using System.Security.Cryptography;
using Berth.Abstractions;

namespace Berth.Streaming;

/// <summary>Tokens for URLs: the token is the only secret between the kubelet and a shell in a pod, good once and for a minute.</summary>
public sealed class StreamTickets(TimeProvider time)
{
    /// <summary>Open tokens at most; a kubelet uses each within milliseconds.</summary>
    public const int Limit = 1000;

    /// <summary>How long a token is good.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(1);

    // 192 bits: not to be guessed within the minute, nor ever.
    private const int TokenBytes = 24;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _open = [];

    // All live equally long, so the oldest ends first.
    private readonly Queue<(string Token, long Issued)> _order = new();

    /// <summary>A new token.</summary>
    /// <exception cref="RuntimeException">ResourceExhausted: too many are open.</exception>
    public string Issue(StreamTicket ticket)
    {
        var token = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(TokenBytes));
        lock (_lock)
        {
            var now = time.GetTimestamp();
            while (_order.TryPeek(out var oldest) && (!_open.ContainsKey(oldest.Token) || !IsGood(oldest.Issued, now)))
            {
                _open.Remove(_order.Dequeue().Token);
            }

            if (_open.Count >= Limit)
            {
                throw new RuntimeException(
                    RuntimeErrorCode.ResourceExhausted, $"{Limit} streaming URLs wait for their clients; each ends after {Lifetime.TotalSeconds:0} s: try again then");
            }

            _open.Add(token, new(ticket, now));
            _order.Enqueue((token, now));
            return token;
        }
    }

    /// <summary>Takes the ticket out, whatever comes of it: null if the token is unknown, used or too old.</summary>
    public StreamTicket? Take(string token)
    {
        lock (_lock)
        {
            return _open.Remove(token, out var entry) && IsGood(entry.Issued, time.GetTimestamp()) ? entry.Ticket : null;
        }
    }

    private bool IsGood(long issued, long now) => time.GetElapsedTime(issued, now) < Lifetime;

    private sealed record Entry(StreamTicket Ticket, long Issued);
}
