using System.Collections.Concurrent;
using Berth.Abstractions;

[assembly: AssemblyFixture(typeof(Berth.Tests.Contract.SharedPods))]

namespace Berth.Tests.Contract;

/// <summary>
/// One pod per handler for all tests of the run that need none of their own, because a pod can be a virtual machine that boots for
/// seconds. One test has it at a time, and removes its containers; the end of the run demands that nothing is left.
/// </summary>
public sealed class SharedPods : IAsyncDisposable
{
    private static readonly ConcurrentDictionary<(string Handler, bool Serialised), SharedPod> Pods = [];

    public async ValueTask DisposeAsync() => await CloseAsync();

    /// <summary>Ends them, once. Whoever ends what they run on calls it before, as fixtures end in any order.</summary>
    internal static async Task CloseAsync()
    {
        foreach (var key in Pods.Keys)
        {
            if (Pods.TryRemove(key, out var shared))
            {
                await shared.DisposeAsync();
            }
        }
    }

    /// <summary>The pod, or a skip with the lack that keeps the handler from the test.</summary>
    internal static Task<PodTurn> TakeAsync(string handler, bool serialised, Func<HandlerFeatures, string?>? lacks = null) =>
        Pods.GetOrAdd((handler, serialised), static key => new(key.Handler, key.Serialised)).TakeAsync(lacks);
}

/// <summary>A pod that tests use one after another; another takes its place when one of them has broken it.</summary>
internal sealed class SharedPod(string handler, bool serialised) : IAsyncDisposable
{
    private readonly SemaphoreSlim _one = new(1);
    private ContractHost? _host;
    private ContractPod? _pod;

    public async Task<PodTurn> TakeAsync(Func<HandlerFeatures, string?>? lacks)
    {
        await _one.WaitAsync();
        try
        {
            // A host that is opened here stays: what is skipped is the test.
            _host ??= await ContractHost.OpenAsync(handler, serialised);
            _host.SkipIfLacking(lacks);
            if (_pod is null || _pod.Sandbox.Exit.IsCompleted)
            {
                _pod = await _host.StartPodAsync();
            }

            return new(_host, _pod, GiveBackAsync);
        }
        catch
        {
            _one.Release();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _one.Dispose();
        await (_host?.DisposeAsync() ?? ValueTask.CompletedTask);
    }

    // A test that failed may have left anything.
    private async Task GiveBackAsync()
    {
        var pod = _pod!;
        _pod = null;
        try
        {
            var isKilled = _host!.IsKilled;
            if (isKilled)
            {
                await _host.ReviveAsync();
            }

            await pod.DestroyContainersAsync();
            _pod = isKilled ? null : pod;
        }
        finally
        {
            _one.Release();
        }
    }
}

/// <summary>One test's use of a shared pod.</summary>
internal sealed class PodTurn(ContractHost host, ContractPod pod, Func<Task> giveBackAsync) : IAsyncDisposable
{
    public ContractHost Host => host;

    public ContractPod Pod => pod;

    public async ValueTask DisposeAsync() => await giveBackAsync();
}
