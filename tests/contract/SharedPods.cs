using Berth.Abstractions;

namespace Berth.Tests.Contract;

/// <summary>
/// One pod per handler for the tests of a class that need none of their own, because a pod can be a virtual machine that boots for
/// seconds. Each test removes its containers; the end of the class demands that nothing is left.
/// </summary>
public sealed class SharedPods : IAsyncDisposable
{
    private readonly Dictionary<(string Handler, bool Serialised), (ContractHost Host, ContractPod Pod)> _pods = [];

    public async ValueTask DisposeAsync()
    {
        foreach (var (host, _) in _pods.Values)
        {
            await host.DisposeAsync();
        }
    }

    /// <summary>The pod, or a skip with the lack that keeps the handler from the test.</summary>
    internal async Task<PodTurn> TakeAsync(string handler, bool serialised, Func<HandlerFeatures, string?>? lacks = null)
    {
        if (!_pods.TryGetValue((handler, serialised), out var known) || known.Pod.Sandbox.Exit.IsCompleted)
        {
            // A host that is opened here stays: what is skipped is the test.
            var host = known.Host ?? await ContractHost.OpenAsync(handler, serialised);
            _pods[(handler, serialised)] = known = (host, await host.StartPodAsync());
        }

        known.Host.SkipIfLacking(lacks);
        return new(known.Host, known.Pod);
    }
}

/// <summary>One test's use of a shared pod.</summary>
internal sealed class PodTurn(ContractHost host, ContractPod pod) : IAsyncDisposable
{
    public ContractHost Host => host;

    public ContractPod Pod => pod;

    public async ValueTask DisposeAsync() => await pod.DestroyContainersAsync();
}
