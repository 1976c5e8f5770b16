using System.Text.Json;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Network;

namespace Berth.Cli.Up;

/// <summary>A bridge of the demo's own on a free subnet; at the end the machine's network is as it was.</summary>
internal sealed class UpNetwork(UpFolders folders)
{
    public const string Bridge = "berth-up0";
    private const string Forwarding = "/proc/sys/net/ipv4/ip_forward";

    /// <summary>Writes the CNI configuration, and notes what is to be put back.</summary>
    public async Task CreateAsync(CancellationToken cancellationToken)
    {
        var file = Path.Combine(folders.CniConfigurations, "10-berth-up.conflist");
        if (File.Exists(file))
        {
            // A run that was killed left it; its pods still use it.
            return;
        }

        var before = new MachineBefore(
            (await File.ReadAllTextAsync(Forwarding, cancellationToken)).Trim(), (await NatChains.ReadAsync(cancellationToken)).Count > 0);
        await File.WriteAllTextAsync(folders.Before, JsonSerializer.Serialize(before), cancellationToken);
        var subnet = SubnetPicker.Pick(24, ["/etc/cni/net.d"]);
        await File.WriteAllTextAsync(file, CniBridgeConfig.Create(Bridge, subnet, folders.Addresses), cancellationToken);
    }

    /// <summary>Takes away the bridge, the chains that portmap made, and the switch that the bridge plugin turned on.</summary>
    public async Task RemoveAsync(CancellationToken cancellationToken)
    {
        // It is asked for by netlink: /sys may show the interfaces of another network namespace than this one.
        var command = new Command { Path = "ip", Arguments = ["link", "delete", Bridge] };
        var result = await CommandRunner.RunAsync(command, null, 4096, cancellationToken);
        if (result.ExitCode != 0 && !result.Error.Contains("Cannot find device", StringComparison.Ordinal))
        {
            throw new RuntimeException(RuntimeErrorCode.Internal, $"bridge {Bridge} cannot be removed: {result.Error}; try: ip link delete {Bridge}");
        }

        if (!File.Exists(folders.Before))
        {
            return;
        }

        var before = JsonSerializer.Deserialize<MachineBefore>(await File.ReadAllTextAsync(folders.Before, cancellationToken))!;
        if (!before.NatChains)
        {
            await NatChains.RemoveUnusedAsync(cancellationToken);
        }

        await File.WriteAllTextAsync(Forwarding, before.Forwarding, cancellationToken);
    }

    private sealed record MachineBefore(string Forwarding, bool NatChains);
}
