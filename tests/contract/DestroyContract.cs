using Berth.Abstractions;

namespace Berth.Tests.Contract;

/// <summary>Removal, of everything and at any moment.</summary>
public sealed class DestroyContract
{
    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Destroy_OfARunningContainer_EndsItAndMayBeRepeated(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var (host, pod) = (turn.Host, turn.Pod);
        var container = await pod.RunAsync("trap '' TERM; while :; do sleep 1; done");
        var request = pod.DestroyRequest(pod.Containers[0]);
        await host.Handler.DestroyContainerAsync(request, CancellationToken.None);
        Assert.Equal(137, (await container.Init.Exit.Soon()).Code);
        Assert.Null(pod.Sandbox.FindContainer(container.Id));
        Assert.DoesNotContain(await host.Handler.ListOwnedAsync(CancellationToken.None), o => o.Id == container.Id);
        Assert.False(host.Cgroups.Exists(pod.CgroupOf(container.Id)));
        await host.Handler.DestroyContainerAsync(request, CancellationToken.None);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Destroy_OfWhatNeverWas_Succeeds(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = host.NewPod();
        await host.Handler.DestroyContainerAsync(pod.DestroyRequest(await pod.PlanAsync("true")), CancellationToken.None);
        var gone = new DestroyRequest { SandboxId = ContractPod.NewId(), PrivateDirectory = "/run/berth-contract-gone" };
        await host.Handler.DestroySandboxAsync(gone, CancellationToken.None);
        await host.Handler.DestroyContainerAsync(gone with { ContainerId = ContractPod.NewId() }, CancellationToken.None);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Destroy_ByAnotherHandlerObject_NeedsNoneOfTheFirst(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = host.NewPod();
        var links = await pod.AddInterfaceAsync();
        await pod.StartAsync();
        var running = await pod.RunAsync("sleep 1000");
        var created = await pod.CreateAsync(await pod.PlanAsync("true"));
        await pod.RunAsync("sleep 1001");
        await host.RestartAsync();
        foreach (var container in pod.Containers.Take(2))
        {
            await host.Handler.DestroyContainerAsync(pod.DestroyRequest(container), CancellationToken.None);
        }

        var owned = await host.Handler.ListOwnedAsync(CancellationToken.None);
        Assert.NotEmpty(owned);
        Assert.DoesNotContain(owned, o => o.Id == running.Id || o.Id == created.Id);
        // The third goes with the sandbox.
        await host.Handler.DestroySandboxAsync(pod.DestroyRequest(), CancellationToken.None);
        Assert.Empty(await host.Handler.ListOwnedAsync(CancellationToken.None));
        Assert.Equal(links, pod.Links());
        await pod.DestroyAsync();
        await pod.DestroyAsync();
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Create_CutOffAtEachSave_LeavesNothingAndMayBeRepeated(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var (host, pod) = (turn.Host, turn.Pod);
        var request = await pod.PlanAsync("exit 13");
        var cut = 0;
        while (await IsCutAsync(host, cut, () => pod.CreateAsync(request)))
        {
            cut++;
            await host.RestartAsync();
            await pod.RestoreAsync(started: false);
            await host.Handler.DestroyContainerAsync(pod.DestroyRequest(request), CancellationToken.None);
            Assert.DoesNotContain(await host.Handler.ListOwnedAsync(CancellationToken.None), o => o.Id == request.ContainerId);
            Assert.False(host.Cgroups.Exists(pod.CgroupOf(request.ContainerId)));
        }

        var container = pod.Sandbox.FindContainer(request.ContainerId)!;
        await container.Init.StartAsync(CancellationToken.None);
        Assert.Equal(13, (await container.Init.Exit.Soon()).Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task StartSandbox_CutOffAtEachSave_LeavesNothing(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var cut = 0;
        while (true)
        {
            var pod = host.NewPod(host.Features.SharedPidNamespace);
            var links = await pod.AddInterfaceAsync();
            if (!await IsCutAsync(host, cut, pod.StartAsync))
            {
                break;
            }

            cut++;
            await host.RestartAsync();
            await host.Handler.DestroySandboxAsync(pod.DestroyRequest(), CancellationToken.None);
            Assert.Empty(await host.Handler.ListOwnedAsync(CancellationToken.None));
            Assert.Equal(links, pod.Links());
        }
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Create_OfAnIdThatExists_ReplacesIt(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var pod = turn.Pod;
        var request = await pod.PlanAsync("exit 14");
        var first = await pod.CreateAsync(request);
        var second = await pod.CreateAsync(request);
        Assert.Equal(137, (await first.Init.Exit.Soon()).Code);
        await second.Init.StartAsync(CancellationToken.None);
        Assert.Equal(14, (await second.Init.Exit.Soon()).Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Create_ThatIsGivenUp_LeavesNothing(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var (host, pod) = (turn.Host, turn.Pod);
        var request = await pod.PlanAsync("true");
        using var cancellation = new CancellationTokenSource();
        host.OnSave = _ => cancellation.Cancel();
        var failure = await Record.ExceptionAsync(() => pod.Sandbox.CreateContainerAsync(request, cancellation.Token));
        host.OnSave = static _ => { };
        if (failure is null && serialised)
        {
            // On its way into another process the word may come when all is done; the gateway then has a container, and removes it.
            await host.Handler.DestroyContainerAsync(pod.DestroyRequest(request), CancellationToken.None);
        }
        else
        {
            Assert.IsType<OperationCanceledException>(failure, exactMatch: false);
        }

        Assert.DoesNotContain(await host.Handler.ListOwnedAsync(CancellationToken.None), o => o.Id == request.ContainerId);
        Assert.False(host.Cgroups.Exists(pod.CgroupOf(request.ContainerId)));
    }

    // To be killed at a save is to fail there, and in every later save, and to be forgotten.
    private static async Task<bool> IsCutAsync(ContractHost host, int after, Func<Task> call)
    {
        var saves = 0;
        host.OnSave = _ =>
        {
            if (saves++ >= after)
            {
                throw RuntimeException.Unavailable("the journal is gone");
            }
        };
        try
        {
            await call();
        }
        catch (RuntimeException) when (saves > after)
        {
            return true;
        }
        finally
        {
            host.OnSave = static _ => { };
        }

        Assert.True(saves <= after, "a failure to save was passed over");
        return false;
    }
}
