using System.Globalization;
using System.Text;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>
/// Joins the VM to the pod's network: beside each interface that CNI made, a tap, and whatever enters one leaves by the other
/// (tc-mirred(8)). The guest has the interface's MAC and addresses; the interface keeps its own, so that CNI's check and removal
/// find what they made, but the kernel sees none of its packets. All of it is the namespace's, and goes with it.
/// </summary>
internal static class PodWire
{
    private const int MaxOutputBytes = 64 * 1024;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    public static string TapOf(int index) => string.Create(CultureInfo.InvariantCulture, $"berth{index}");

    /// <summary>Makes the taps, after removing those of an earlier try.</summary>
    public static async Task ConnectAsync(PodNetwork network, CancellationToken cancellationToken)
    {
        if (network.Interfaces.Count == 0)
        {
            return;
        }

        await RemoveAsync(network, cancellationToken).ConfigureAwait(false);
        var links = new StringBuilder();
        var filters = new StringBuilder();
        foreach (var (index, name) in network.Interfaces.Select(static (i, n) => (n, Named(i))))
        {
            var tap = TapOf(index);
            var mtu = network.Interfaces[index].Mtu is > 0 and var bytes ? string.Create(CultureInfo.InvariantCulture, $" mtu {bytes}") : "";
            links.Append(CultureInfo.InvariantCulture, $"tuntap add dev {tap} mode tap\nlink set dev {tap}{mtu} up\n");
            filters.Append(CultureInfo.InvariantCulture, $"qdisc replace dev {name} clsact\nqdisc replace dev {tap} clsact\n");
            // u32 with an empty match: matchall is a module that not every kernel has.
            filters.Append(CultureInfo.InvariantCulture, $"filter replace dev {name} ingress pref 1 protocol all u32 match u8 0 0 action mirred egress redirect dev {tap}\n");
            filters.Append(CultureInfo.InvariantCulture, $"filter replace dev {tap} ingress pref 1 protocol all u32 match u8 0 0 action mirred egress redirect dev {name}\n");
        }

        await RunAsync("ip", ["-batch", "-"], links.ToString(), network.NamespacePath, cancellationToken).ConfigureAwait(false);
        await RunAsync("tc", ["-batch", "-"], filters.ToString(), network.NamespacePath, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Takes the taps away again; absent is success, also of the namespace.</summary>
    public static async Task RemoveAsync(PodNetwork network, CancellationToken cancellationToken)
    {
        if (network.Interfaces.Count == 0 || !NetworkNamespace.Exists(network.NamespacePath))
        {
            return;
        }

        // With -force the absent ones are passed over.
        var links = new StringBuilder();
        var filters = new StringBuilder();
        foreach (var (index, name) in network.Interfaces.Select(static (i, n) => (n, Named(i))))
        {
            links.Append(CultureInfo.InvariantCulture, $"link del dev {TapOf(index)}\n");
            filters.Append(CultureInfo.InvariantCulture, $"qdisc del dev {name} clsact\n");
        }

        await RunAsync("ip", ["-force", "-batch", "-"], links.ToString(), network.NamespacePath, cancellationToken, mayFail: true).ConfigureAwait(false);
        await RunAsync("tc", ["-force", "-batch", "-"], filters.ToString(), network.NamespacePath, cancellationToken, mayFail: true).ConfigureAwait(false);
    }

    // A name becomes a word of a batch line; the kernel's own rule (dev_valid_name) is length and no slash or space.
    private static string Named(PodInterface link) => link.Name is { Length: > 0 and < 16 } name && name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '@')
        ? name
        : throw RuntimeException.InvalidArgument($"interface '{link.Name}' of the pod has no name that can be used");

    private static async Task RunAsync(string tool, string[] arguments, string input, string network, CancellationToken cancellationToken, bool mayFail = false)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            var command = new Command { Path = tool, Arguments = arguments, NetworkNamespace = network };
            var result = await CommandRunner.RunAsync(command, Encoding.ASCII.GetBytes(input), MaxOutputBytes, limit.Token).ConfigureAwait(false);
            if (result.ExitCode != 0 && !mayFail)
            {
                throw RuntimeException.Unavailable($"the VM cannot be joined to the pod's network {network}: {tool}: {result.Error}");
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new RuntimeException(RuntimeErrorCode.DeadlineExceeded, $"{tool} in {network} gave no answer within {Limit.TotalSeconds:0} s");
        }
        catch (Exception e) when (e is LinuxException or InvalidDataException)
        {
            throw RuntimeException.Unavailable($"{tool} in {network}: {e.Message}; it is in the Debian package iproute2", e);
        }
    }
}
