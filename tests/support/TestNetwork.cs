using System.Net;
using Berth.Linux;
using Berth.Network;

namespace Berth.Tests.Support;

/// <summary>A bridge of a test's own, on a subnet that nothing here uses, and the CNI configuration for it.</summary>
public sealed class TestNetwork : IAsyncDisposable
{
    // A bridge comes with its first pod, so until then only these folders tell which subnets are taken.
    private static readonly List<string> InUse = [];
    private static readonly Lock Gate = new();

    private readonly TempFolder _folder = new();

    public TestNetwork()
    {
        Bridge = "bt" + Guid.NewGuid().ToString("N")[..8];
        ConfDir = _folder.Folder("net.d");
        lock (Gate)
        {
            Subnet = SubnetPicker.Pick(24, [.. InUse, "/etc/cni/net.d"]);
            _folder.File("net.d/10-test.conflist", CniBridgeConfig.Create(Bridge, Subnet, _folder["ipam"]));
            InUse.Add(ConfDir);
        }
    }

    public string Bridge { get; }

    public IPNetwork Subnet { get; }

    public string ConfDir { get; }

    /// <summary>The addresses that are taken: host-local keeps one file for each.</summary>
    public IReadOnlyList<string> Leases =>
        Directory.Exists(_folder[$"ipam/{Bridge}"])
            ? [.. Directory.GetFiles(_folder[$"ipam/{Bridge}"]).Select(static f => Path.GetFileName(f)).Where(static f => IPAddress.TryParse(f, out _))]
            : [];

    public async ValueTask DisposeAsync()
    {
        if (Directory.Exists("/sys/class/net/" + Bridge))
        {
            await CommandRunner.RunAsync(new Command { Path = "ip", Arguments = ["link", "delete", Bridge] }, null, 4096, CancellationToken.None);
        }

        lock (Gate)
        {
            InUse.Remove(ConfDir);
        }

        _folder.Dispose();
    }
}
