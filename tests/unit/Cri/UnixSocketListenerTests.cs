using System.Net.Sockets;
using Berth.Abstractions;
using Berth.Cri;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Berth.Tests.Unit.Cri;

public sealed class UnixSocketListenerTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("sock-");

    private string SocketPath => Path.Combine(_folder.FullName, "a", "b.sock");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Bind_NoFolder_MakesItForTheOwnerAlone()
    {
        using var socket = Bind();

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(SocketPath));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.GetDirectoryName(SocketPath)!));
    }

    [Fact]
    public void Bind_FolderThere_LeavesItsModeAlone()
    {
        const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        Directory.CreateDirectory(Path.GetDirectoryName(SocketPath)!);
        File.SetUnixFileMode(Path.GetDirectoryName(SocketPath)!, Mode);

        using var socket = Bind();

        Assert.Equal(Mode, File.GetUnixFileMode(Path.GetDirectoryName(SocketPath)!));
    }

    [Fact]
    public void Bind_StaleSocket_TakesItsPlace()
    {
        LeaveStaleSocket();

        using var socket = Bind();
        socket.Listen();

        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(SocketPath));
        Assert.True(client.Connected);
    }

    [Fact]
    public void Bind_SomebodyListens_IsRefusedAndLeavesThemAlone()
    {
        using var other = Bind();
        other.Listen(0);

        Assert.Equal(RuntimeErrorCode.AlreadyExists, Assert.Throws<RuntimeException>(Bind).Code);
        Assert.True(File.Exists(SocketPath));
    }

    [Fact]
    public void Bind_FileOfAnotherKind_IsRefusedAndKept()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(SocketPath)!);
        File.WriteAllText(SocketPath, "precious");

        Assert.Equal(RuntimeErrorCode.FailedPrecondition, Assert.Throws<RuntimeException>(Bind).Code);
        Assert.Equal("precious", File.ReadAllText(SocketPath));
    }

    [Fact]
    public void Bind_SymbolicLink_IsRefused()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(SocketPath)!);
        File.CreateSymbolicLink(SocketPath, Path.Combine(_folder.FullName, "elsewhere"));

        Assert.Equal(RuntimeErrorCode.FailedPrecondition, Assert.Throws<RuntimeException>(Bind).Code);
    }

    [Theory]
    [InlineData("unix:///run/berth/berth.sock", "/run/berth/berth.sock")]
    [InlineData("unix:///a", "/a")]
    public void PathOf_UnixUrl_IsItsPath(string listen, string path) => Assert.Equal(path, UnixSocketListener.PathOf(listen));

    [Theory]
    [InlineData("")]
    [InlineData("/run/berth.sock")]
    [InlineData("unix://run/berth.sock")]
    [InlineData("tcp://127.0.0.1:1")]
    public void PathOf_AnythingElse_IsRefused(string listen) =>
        Assert.Equal(RuntimeErrorCode.InvalidArgument, Assert.Throws<RuntimeException>(() => UnixSocketListener.PathOf(listen)).Code);

    [Fact]
    public void PathOf_LongerThanTheKernelTakes_IsRefused() =>
        Assert.Throws<RuntimeException>(static () => UnixSocketListener.PathOf("unix:///" + new string('x', 107)));

    private Socket Bind() => UnixSocketListener.Bind(new UnixDomainSocketEndPoint(SocketPath), SocketPath, NullLogger.Instance);

    // What kill -9 leaves: a socket file that nobody listens on. A closed Socket removes its file, so the file is moved away meanwhile.
    private void LeaveStaleSocket()
    {
        using (Bind())
        {
            File.Move(SocketPath, SocketPath + "2");
        }

        File.Move(SocketPath + "2", SocketPath);
    }
}
