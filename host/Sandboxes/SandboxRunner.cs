using Berth.Abstractions;
using Berth.Common;
using Berth.Metrics;
using Berth.Plugins;

namespace Berth.Sandboxes;

/// <summary>RunPodSandbox. A caller that gives up does not stop it: the work ends by itself, and the retry finds it.</summary>
public sealed class SandboxRunner(
    HandlerTable handlers,
    SandboxPlanner planner,
    SandboxRegistry registry,
    SandboxFiles files,
    SandboxNamespaces namespaces,
    SandboxCgroups cgroups,
    SandboxNetwork network,
    SandboxBundle bundle,
    SandboxObjects objects,
    SandboxUsage usage,
    SandboxTeardown teardown,
    BerthMetrics metrics,
    TimeProvider time,
    ILogger<SandboxRunner> log)
{
    private readonly SingleFlight<string> _running = new();

    /// <summary>Runs the pod's sandbox and returns its id; the same pod and attempt again, asked for in the same way, returns the same id.</summary>
    public async Task<string> RunAsync(PodSandboxSpec spec, string runtimeHandler, CancellationToken cancellationToken)
    {
        var id = await _running.RunAsync(spec.UniqueName, () => RunOnceAsync(spec, runtimeHandler), cancellationToken);
        if (registry.Get(id) is { } sandbox)
        {
            SameRequest.Demand(sandbox, spec, runtimeHandler);
        }

        return id;
    }

    private async Task<string> RunOnceAsync(PodSandboxSpec spec, string runtimeHandler)
    {
        // 1 the answer to a retry is the result of the first try
        if (registry.FindByName(spec.UniqueName) is { } earlier)
        {
            return await AnswerRetryAsync(earlier) ?? await RunOnceAsync(spec, runtimeHandler);
        }

        // 2 what cannot work fails here, before anything exists
        // 3 on disk before acting; from here the row's phase tells a new start what to undo
        var plan = handlers.Reserve(table =>
        {
            var planned = planner.Plan(table, spec, runtimeHandler);
            registry.Add(planned.Sandbox);
            return planned;
        });
        var sandbox = plan.Sandbox;
        SandboxLog.HandlerChosen(log, sandbox.Id, spec.Namespace, spec.Name, sandbox.Handler, sandbox.HandlerReason, sandbox.Plugin, sandbox.PluginVersion);
        BerthTraces.Chosen(sandbox.Handler, sandbox.HandlerReason);
        try
        {
            return await BuildAsync(plan);
        }
        catch (Exception failure)
        {
            await UndoAsync(sandbox.Id, sandbox.Handler, failure);
            throw;
        }
    }

    private async Task<string> BuildAsync(SandboxPlan plan)
    {
        var start = time.GetTimestamp();
        var id = plan.Sandbox.Id;

        // 4 files, namespaces, cgroups
        files.Create(plan.Sandbox);
        var own = await namespaces.CreateAsync(plan.Sandbox, plan.OwnsNetwork, plan.Sysctls);
        await cgroups.CreateAsync(plan.Sandbox);
        start = metrics.PodStartStage(start, "namespaces", plan.Sandbox.Handler);

        // 5 the handler's first step, beside CNI where the namespace is ours
        var prepare = plan.ToRequest(own);
        bundle.Write(plan, own);
        registry.Update(id, s => s with { Prepared = prepare, NamespacePaths = own });
        var preparing = plan.Handler.PrepareSandboxAsync(prepare, CancellationToken.None);
        var netns = own.GetValueOrDefault("network");
        if (!plan.OwnsNetwork && (netns = (await preparing).NetworkNamespacePath) is not null)
        {
            // Before ADD: without it DEL takes back half of what ADD has made, should this gateway die before the pod is ready.
            registry.Update(id, s => s with { NamespacePaths = Merge(own, new Dictionary<string, string> { ["network"] = netns }) });
        }

        var attaching = network.AttachAsync(id, plan.Sandbox.Spec, netns);
        await WhenBothAsync(preparing, attaching);
        start = metrics.PodStartStage(start, "network", plan.Sandbox.Handler);

        // 6 the handler's second step, with the addresses
        var sandbox = registry.Update(id, s => s with { Network = attaching.Result?.Network, Ips = attaching.Result?.Ips ?? [] })!;
        files.WriteHosts(sandbox);
        var live = await plan.Handler.StartSandboxAsync(new StartSandboxRequest { Sandbox = prepare, Network = sandbox.Network }, CancellationToken.None);
        var info = await live.InfoAsync(CancellationToken.None);
        objects.Adopt(live);

        // 7 seen by all
        registry.Update(id, s => s with { Phase = SandboxPhase.Ready, NamespacePaths = Merge(own, info.NamespacePaths), Pid = info.Pid, HandlerDetails = info.Details });
        usage.Begin(sandbox);
        metrics.PodStartStage(start, "handler", plan.Sandbox.Handler);
        return id;
    }

    // Both must have ended before an undo may begin.
    private static async Task WhenBothAsync(Task first, Task second)
    {
        try
        {
            await first;
        }
        finally
        {
            await second;
        }
    }

    private async Task<string?> AnswerRetryAsync(Sandbox earlier)
    {
        switch (earlier.Phase)
        {
            case SandboxPhase.Ready:
                return earlier.Id;
            case SandboxPhase.Creating or SandboxPhase.Removing:
                // An undo that did not finish: the name is free once it has.
                await teardown.RemoveAllAsync(earlier.Id, CancellationToken.None);
                return null;
            default:
                throw new RuntimeException(
                    RuntimeErrorCode.AlreadyExists,
                    $"sandbox {earlier.Id} of pod {earlier.Spec.Namespace}/{earlier.Spec.Name} attempt {earlier.Spec.Attempt} exists and is stopped: remove it, or use the next attempt");
        }
    }

    private async Task UndoAsync(string id, string handler, Exception failure)
    {
        try
        {
            await teardown.RemoveAllAsync(id, CancellationToken.None);
        }
        catch (Exception undo)
        {
            // The row stays, hidden, and the background retry goes on; see SandboxTeardown.
            SandboxLog.UndoFailed(log, id, handler, failure.Message, undo);
        }
    }

    private static Dictionary<string, string> Merge(IReadOnlyDictionary<string, string> own, IReadOnlyDictionary<string, string> handlers)
    {
        var merged = new Dictionary<string, string>(own);
        foreach (var (type, path) in handlers)
        {
            merged[type] = path;
        }

        return merged;
    }
}
