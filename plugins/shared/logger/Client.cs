using System.Text;
using Berth.Linux;

namespace Berth.Logger;

/// <summary>A connection of the gateway's.</summary>
internal sealed class Client(SafeFd connection) : IDisposable
{
    private const int MaxMessageBytes = 16 * 1024;
    private static readonly byte[] Message = new byte[MaxMessageBytes];

    public bool Gone { get; private set; }

    /// <summary>What it is attached as; null for one that asks.</summary>
    public Follower? Follower { get; private set; }

    /// <summary>The next message's fields, or null if the other side is gone.</summary>
    public string[]? Read()
    {
        try
        {
            return connection.Read(Message) is { } count and > 0 ? Encoding.UTF8.GetString(Message, 0, count).Split('\0') : null;
        }
        catch (LinuxException)
        {
            return null; // ECONNRESET: it went with unread output
        }
    }

    public void Answer(string text)
    {
        if (Gone)
        {
            return;
        }

        try
        {
            connection.Write(Encoding.UTF8.GetBytes(text));
        }
        catch (LinuxException)
        {
            // It went meanwhile; whoever comes next asks again.
            Gone = true;
        }
    }

    /// <summary>From now on it gets a container's output.</summary>
    public Follower Follow(ulong key, string id) => Follower = new(connection, key, id);

    public void Dispose()
    {
        Gone = true;
        connection.Dispose();
    }
}
