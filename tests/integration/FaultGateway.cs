using System.Text.Json.Nodes;
using Berth.Linux;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>A gateway with every handler whose pods have helpers, and what there is of its pods on the machine.</summary>
public sealed class FaultGateway(Suite suite) : IAsyncLifetime
{
    private Gateway? _gateway;

    public Gateway Gateway => _gateway!;

    // The processor of the virtual machines is not tried: each start would try it again.
    public async ValueTask InitializeAsync() => _gateway = await suite.OwnGatewayAsync(static settings =>
    {
        foreach (var plugin in (string[])["clear-containers", "runv"])
        {
            settings["handlers"]![plugin] = new JsonObject
            {
                ["plugin"] = plugin,
                ["options"] = new JsonObject { ["acceleration"] = "tcg", ["defaultMemoryMiB"] = 256 },
            };
        }
    });

    public async ValueTask DisposeAsync() => await (_gateway?.DisposeAsync() ?? ValueTask.CompletedTask);

    /// <summary>Processes of pods: they name a folder of the gateway's, or are in a cgroup of a pod's.</summary>
    public IReadOnlySet<string> Processes() => Directory.EnumerateDirectories("/proc").Where(static f => char.IsAsciiDigit(Path.GetFileName(f)[0]))
        .Select(static f => (Command: Read(f, "cmdline").Replace('\0', ' ').Trim(), Cgroups: Read(f, "cgroup")))
        .Where(p => p.Command.Contains(Gateway.State, StringComparison.Ordinal) || p.Command.Contains(Gateway.Root, StringComparison.Ordinal)
            || (p.Command.Length > 0 && p.Cgroups.Contains(Requests.Cgroups + "/", StringComparison.Ordinal)))
        .Select(static p => "process " + p.Command).ToHashSet();

    /// <summary>Mounts, cgroups, folders and addresses of pods, and what the Docker Engine has of them.</summary>
    public async Task<IReadOnlySet<string>> OthersAsync() =>
    ((IEnumerable<string>)[
        .. MountTable.Read().Select(static m => "mount " + m.MountPoint),
        .. CgroupLayout.Detect().Hierarchies.Select(static h => h.Folder(Requests.Cgroups)).Where(Directory.Exists).SelectMany(Directory.EnumerateDirectories),
        .. Directory.GetDirectories(Path.Combine(Gateway.State, "sandboxes")),
        .. Directory.GetDirectories(Path.Combine(Gateway.State, "containers")),
        .. Gateway.Network.Leases,
        .. suite.Engine is { } engine ? (await engine.NamesAsync()).Select(static n => "Docker container " + n) : [],
    ]).ToHashSet();

    private static string Read(string process, string file)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, file));
        }
        catch (IOException)
        {
            return ""; // it has just ended
        }
    }
}
