using System.Net;
using System.Net.Sockets;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Plugins;
using Berth.Sandboxes;

namespace Berth.Streaming.Sessions;

/// <summary>Connects to a port on a pod's loopback: in its network namespace, or through a handler whose pods have none on the host.</summary>
internal sealed class PodDialer(SandboxRegistry sandboxes, SandboxObjects objects, HandlerTable handlers)
{
    // Loopback answers at once; only a listener with a full queue is slow.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>A connected socket, the caller's to dispose of.</summary>
    public async Task<Socket> ConnectAsync(string sandboxId, int port, CancellationToken cancellationToken)
    {
        var sandbox = sandboxes.Get(sandboxId);
        if (sandbox is not { Phase: SandboxPhase.Ready })
        {
            throw RuntimeException.FailedPrecondition($"pod sandbox {sandboxId} is not ready");
        }

        if (handlers.Current.Get(sandbox.HandlerKey).Health.Check.Features.OpensPorts)
        {
            using var live = objects.Use(sandboxId);
            var fd = await live.Object.OpenPortAsync(port, cancellationToken);
            return new(new SafeSocketHandle(fd, ownsHandle: true));
        }

        var path = sandbox.Spec.Namespaces.Network == Containers.NamespaceMode.Node ? null : sandbox.Network?.NamespacePath
            ?? throw RuntimeException.FailedPrecondition($"pod sandbox {sandboxId} has no network");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            return await TryConnectAsync(path, IPAddress.Loopback, port, limit.Token)
                ?? await TryConnectAsync(path, IPAddress.IPv6Loopback, port, limit.Token)
                ?? throw RuntimeException.Unavailable($"nothing listens on port {port} of the pod's loopback, by IPv4 or IPv6");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new RuntimeException(RuntimeErrorCode.DeadlineExceeded, $"port {port} of the pod does not answer within {Limit.TotalSeconds:0} s");
        }
    }

    private static async Task<Socket?> TryConnectAsync(string? networkNamespace, IPAddress address, int port, CancellationToken cancellationToken)
    {
        Socket? socket = null;
        try
        {
            var fd = PodSocket.Create(networkNamespace, v6: address.AddressFamily == AddressFamily.InterNetworkV6);
            socket = new(new SafeSocketHandle(fd.Release(), ownsHandle: true));
            await socket.ConnectAsync(address, port, cancellationToken);
            socket.NoDelay = true;
            return socket;
        }
        catch (Exception e) when (e is SocketException or LinuxException)
        {
            // Refused, or no such protocol: the other one may answer.
            socket?.Dispose();
            return null;
        }
        catch (OperationCanceledException)
        {
            socket?.Dispose();
            throw;
        }
    }
}
