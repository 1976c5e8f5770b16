using Berth.Abstractions;
using Berth.Containers;
using Berth.Network;

namespace Berth.Sandboxes;

/// <summary>A pod's attachment to the network: CNI ADD and DEL, with what DEL needs recorded before ADD runs.</summary>
public sealed class SandboxNetwork(CniConfiguration configuration, CniInvoker invoker, SandboxRegistry registry, ILogger<SandboxNetwork> log)
{
    /// <summary>The configuration that the next pod gets.</summary>
    public CniNetworkList RequireConfiguration()
    {
        var status = configuration.Current;
        return status.Network ?? throw RuntimeException.Unavailable($"the pod network is not ready: {status.Message}");
    }

    /// <summary>Runs ADD; null for the host's network.</summary>
    public async Task<CniResult?> AttachAsync(string sandboxId, PodSandboxSpec spec, string? netns)
    {
        if (spec.Namespaces.Network == NamespaceMode.Node || netns is null)
        {
            return null;
        }

        var config = RequireConfiguration();
        registry.Update(sandboxId, s => s with { CniConfig = config.Json });
        // Some networks publish ports without being told by CNI, so this is no refusal.
        if (spec.PortMappings.Any(static p => p.HostPort > 0) && !config.Plugins.Any(static p => p.Capabilities.Contains("portMappings")))
        {
            SandboxLog.PortsNotAsked(log, sandboxId, config.Name);
        }

        var result = await invoker.AddAsync(Request(sandboxId, spec, netns, config.Json), CancellationToken.None);
        registry.Update(sandboxId, s => s with { CniResult = result.RawResult });
        return result;
    }

    /// <summary>Runs DEL if ADD was ever begun, also where the namespace is gone.</summary>
    public async Task DetachAsync(Sandbox sandbox, CancellationToken cancellationToken)
    {
        if (sandbox.CniConfig is not { } config)
        {
            return;
        }

        var netns = sandbox.NamespacePaths.GetValueOrDefault("network");
        var request = Request(sandbox.Id, sandbox.Spec, File.Exists(netns) ? netns : null, config);
        try
        {
            await invoker.DeleteAsync(request, sandbox.CniResult, cancellationToken);
        }
        catch (RuntimeException)
        {
            // After half an ADD the bridge plugin's first DEL removes the link and stumbles over the rule that was never made.
            await invoker.DeleteAsync(request, sandbox.CniResult, cancellationToken);
        }

        registry.Update(sandbox.Id, static s => s with { CniConfig = null, CniResult = null });
    }

    private static CniRequest Request(string sandboxId, PodSandboxSpec spec, string? netns, string config) => new()
    {
        SandboxId = sandboxId,
        NetnsPath = netns,
        PodName = spec.Name,
        PodNamespace = spec.Namespace,
        PodUid = spec.Uid,
        PortMappings = [.. spec.PortMappings.Where(static p => p.HostPort > 0).Select(static p => new CniPortMapping(p.Protocol, p.ContainerPort, p.HostPort, p.HostIp))],
        DnsServers = spec.Dns?.Servers ?? [],
        DnsSearches = spec.Dns?.Searches ?? [],
        DnsOptions = spec.Dns?.Options ?? [],
        ConfigJson = config,
    };
}
