using System.Net;
using System.Net.Sockets;
using System.Text;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Cri;

/// <summary>
/// Binds the gateway's socket. Who can connect to it is root on this node, so it is never open to others, not even between
/// bind and listen: connecting needs write permission on the socket, see unix(7).
/// </summary>
public static class UnixSocketListener
{
    private const string Scheme = "unix://";
    private const int MaxPathBytes = 107; // sun_path of unix(7), without the NUL at its end
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>The path of <c>unix:///path</c>.</summary>
    public static string PathOf(string listen)
    {
        var path = listen.StartsWith(Scheme, StringComparison.Ordinal) ? listen[Scheme.Length..] : "";
        return path.StartsWith('/') && Encoding.UTF8.GetByteCount(path) <= MaxPathBytes
            ? path
            : throw RuntimeException.InvalidArgument($"gateway.listen is \"{listen}\"; it must be unix:// and an absolute path of at most {MaxPathBytes} bytes");
    }

    /// <summary>
    /// A bound socket of mode 0600. What a gateway that was killed left behind is removed first; its folder is made if it is not there.
    /// </summary>
    /// <exception cref="RuntimeException">Another process listens there, or the path holds something that is no socket.</exception>
    public static Socket Bind(UnixDomainSocketEndPoint endPoint, string path, ILogger logger)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!, OwnerOnly | UnixFileMode.UserExecute);
        RemoveStale(endPoint, path, logger);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(endPoint);
            File.SetUnixFileMode(path, OwnerOnly);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static void RemoveStale(UnixDomainSocketEndPoint endPoint, string path, ILogger logger)
    {
        if (FileStatus.Find(path, followLink: false) is not { } file)
        {
            return;
        }

        if (file.Kind != FileKind.Socket)
        {
            throw new RuntimeException(RuntimeErrorCode.FailedPrecondition, $"{path} exists and is no socket; move it away, or set gateway.listen to another path");
        }

        if (Answers(endPoint))
        {
            throw new RuntimeException(RuntimeErrorCode.AlreadyExists, $"another process listens on {path}; stop it, or set gateway.listen to another path");
        }

        File.Delete(path);
        logger.StaleSocketRemoved(path);
    }

    private static bool Answers(EndPoint endPoint)
    {
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
        try
        {
            probe.Connect(endPoint);
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return false;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
        {
            return true; // EAGAIN: somebody listens, with a full queue
        }
    }
}
