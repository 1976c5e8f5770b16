using Berth.Linux;

namespace Berth.Logger;

/// <summary>
/// A client attached to a container. It gets each piece of output as a packet, a byte that names the stream and then the content, as
/// conmon sends them. What it does not take is kept, and its container's streams stand still until it does.
/// </summary>
internal sealed class Follower
{
    public const byte Stdout = 2, Stderr = 3;
    private const int PacketBytes = 8192;

    private static readonly byte[] Packet = new byte[PacketBytes + 1];
    private readonly SafeFd _connection;
    private byte _kept;
    private byte[] _behind = [];

    public Follower(SafeFd connection, ulong key, string id)
    {
        (_connection, Key, Id) = (connection, key, id);
        connection.SetNonBlocking();
    }

    public SafeFd Connection => _connection;

    /// <summary>The connection's in the loop.</summary>
    public ulong Key { get; }

    /// <summary>The container.</summary>
    public string Id { get; }

    /// <summary>Whether something waits for it.</summary>
    public bool IsBehind => _behind.Length > 0;

    /// <summary>The loop waits until it can be written to.</summary>
    public bool IsTurned { get; set; }

    /// <summary>Sends, and keeps what is not taken; nothing else may be sent before that has gone.</summary>
    public void Send(byte stream, ReadOnlySpan<byte> content)
    {
        while (!content.IsEmpty)
        {
            var piece = content[..Math.Min(content.Length, PacketBytes)];
            Packet[0] = stream;
            piece.CopyTo(Packet.AsSpan(1));
            try
            {
                _connection.Write(Packet.AsSpan(0, piece.Length + 1));
            }
            catch (LinuxException e) when (e.IsAgain)
            {
                (_kept, _behind) = (stream, content.ToArray());
                return;
            }
            catch (LinuxException)
            {
                return; // it has gone, which a read of the connection shows
            }

            content = content[piece.Length..];
        }
    }

    /// <summary>Sends what was kept.</summary>
    public void Catchup()
    {
        var behind = _behind;
        _behind = [];
        Send(_kept, behind);
    }
}
