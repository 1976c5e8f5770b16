using System.Security.Cryptography;
using Berth.Abstractions;
using Berth.Common;
using Berth.Containers;
using Berth.Containers.Spec;
using Berth.Linux;
using Berth.Metrics;
using Berth.Plugins;

namespace Berth.Sandboxes;

/// <summary>Turns a request into a plan, or refuses it; nothing outside this process is touched.</summary>
public sealed class SandboxPlanner(
    CgroupTree cgroups,
    SandboxNetwork network,
    SandboxPaths paths,
    UserNamespaceSupport users,
    SandboxLimits limits,
    BerthMetrics metrics,
    Notices notices,
    TimeProvider time)
{
    /// <param name="table">The one snapshot that selection, checks and dispatch see.</param>
    /// <param name="spec">The pod.</param>
    /// <param name="runtimeHandler">What its RuntimeClass names.</param>
    public SandboxPlan Plan(PluginSnapshot table, PodSandboxSpec spec, string runtimeHandler)
    {
        try
        {
            var plan = PlanOnce(table, spec, runtimeHandler);
            notices.Post(new(SandboxFacts.NoticeOf(spec), "HandlerChosen", $"handler {plan.Sandbox.Handler} (plugin {plan.Sandbox.Plugin} {plan.Sandbox.PluginVersion}): {plan.Sandbox.HandlerReason}", IsWarning: false));
            return plan;
        }
        catch (RuntimeException e)
        {
            notices.Post(new(SandboxFacts.NoticeOf(spec), "PodRefused", e.Message, IsWarning: true));
            throw;
        }
    }

    private SandboxPlan PlanOnce(PluginSnapshot table, PodSandboxSpec spec, string runtimeHandler)
    {
        SandboxFiles.Validate(spec);
        var hostNetwork = spec.Namespaces.Network == NamespaceMode.Node;
        var decision = HandlerSelector.Select(SandboxFacts.Of(spec, runtimeHandler), table.Options.Selection, table.Readiness());
        metrics.Selected(decision.Handler, decision.DecidedBy, decision.Refusal?.ToString() ?? "ok");
        var entry = table.GetReady(decision.EnsureAllowed().Handler);
        var handler = entry.Handler!;
        var features = handler.Health.Features;
        Refuse(spec, decision.Handler, features);
        if (spec.Namespaces.User is { Mode: NamespaceMode.Pod } && users.Reason is { } missing)
        {
            throw RuntimeException.FailedPrecondition(
                $"pod {spec.Namespace}/{spec.Name} asks for a user namespace, which this machine does not have: {missing}; use the host's users (hostUsers: true)");
        }

        RefuseSctp(spec, features);
        limits.Check(spec, entry);
        if (!hostNetwork)
        {
            _ = network.RequireConfiguration();
        }

        var id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        return new()
        {
            Sandbox = new Sandbox
            {
                Id = id,
                Spec = spec,
                Phase = SandboxPhase.Creating,
                CreatedAt = time.GetUtcNow(),
                Handler = decision.Handler,
                HandlerInstance = entry.Instance,
                PluginDigest = entry.PluginDigest,
                HandlerReason = decision.Reason,
                Plugin = entry.Plugin,
                PluginVersion = entry.PluginVersion,
                RuntimeVersion = handler.Health.Check.RuntimeVersion ?? "",
                RequestedHandler = runtimeHandler,
                Hostname = Hostname(spec, id, hostNetwork),
                Cgroup = cgroups.PodCgroup(id, spec.CgroupParent),
                BootId = BootId.Current,
            },
            Handler = handler,
            Check = handler.Health.Check,
            OwnsNetwork = features.NetworkNamespace == NetworkNamespaceOwner.Host,
            SharedPid = spec.Namespaces.Pid == NamespaceMode.Pod,
            Sysctls = SysctlPolicy.Create(spec.Sysctls, spec.Namespaces),
            BundlePath = paths.Bundle(id),
            PrivateDirectory = paths.Private(id),
            Annotations = entry.LetThrough(spec.Annotations),
        };
    }

    private static void Refuse(PodSandboxSpec spec, string handler, HandlerFeatures features)
    {
        var modes = spec.Namespaces;
        var hostNamespace = modes.Network == NamespaceMode.Node || modes.Pid == NamespaceMode.Node || modes.Ipc == NamespaceMode.Node;
        (bool Asked, bool Has, string What)[] needs =
        [
            (hostNamespace, features.HostNamespaces, "host namespaces"),
            (modes.Pid == NamespaceMode.Pod, features.SharedPidNamespace, "a shared PID namespace"),
            (spec.Privileged, features.Privileged, "privileged pods"),
            (spec.Sysctls.Count > 0, features.Sysctls, "sysctls"),
            (spec.Seccomp is { Type: SecurityProfileType.Localhost }, features.Seccomp, "a seccomp profile of its own"),
            (modes.User is { Mode: not NamespaceMode.Node }, features.UserNamespaces, "user namespaces"),
        ];
        foreach (var (_, _, what) in needs.Where(static n => n.Asked && !n.Has))
        {
            throw RuntimeException.InvalidArgument(
                $"pod {spec.Namespace}/{spec.Name} asks for {what}, which handler {handler} does not have; choose another RuntimeClass");
        }
    }

    // A handler whose containers are no processes of this kernel brings one of its own.
    private static void RefuseSctp(PodSandboxSpec spec, HandlerFeatures features)
    {
        if (features.HostProcesses && spec.PortMappings.FirstOrDefault(static p => p is { Protocol: "sctp", HostPort: > 0 }) is { } port && !Kernel.HasSctp)
        {
            throw RuntimeException.FailedPrecondition(
                $"pod {spec.Namespace}/{spec.Name} publishes port {port.HostPort}/sctp, but this node's kernel has no SCTP: load its module (modprobe sctp), or choose a node that has it");
        }
    }

    private static string Hostname(PodSandboxSpec spec, string id, bool hostNetwork) =>
        spec.Hostname.Length > 0 ? spec.Hostname : hostNetwork ? Environment.MachineName : id[..12];
}
