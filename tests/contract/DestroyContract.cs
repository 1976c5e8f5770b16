using Berth.Abstractions;

namespace Berth.Tests.Contract;

/// <summary>Removal, of everything and at any moment.</summary>
public sealed class DestroyContract
{
    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Destroy_OfARunningContainer_EndsItAndMayBeRepeated(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        var container = await pod.RunAsync("trap '' TERM; while :; do sleep 1; done");
        var request = pod.DestroyRequest(pod.Containers[0]);
        await host.Handler.DestroyContainerAsync(request, CancellationToken.None);
        Assert.Equal(137, (await container.Init.Exit.Soon()).Code);
        Assert.Null(pod.Sandbox.FindContainer(container.Id));
        Assert.Empty(await host.Handler.ListOwnedAsync(CancellationToken.None));
        Assert.False(host.Cgroups.Exists(pod.CgroupOf(container.Id)));
        await host.Handler.DestroyContainerAsync(request, CancellationToken.None);
        await pod.DestroyAsync();
        await pod.DestroyAsync();
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Destroy_OfWhatNeverWas_Succeeds(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = host.NewPod();
        await host.Handler.DestroyContainerAsync(pod.DestroyRequest(pod.Plan("true")), CancellationToken.None);
        var gone = new DestroyRequest { SandboxId = ContractPod.NewId(), PrivateDirectory = "/run/berth-contract-gone" };
        await host.Handler.DestroySandboxAsync(gone, CancellationToken.None);
        await host.Handler.DestroyContainerAsync(gone with { ContainerId = ContractPod.NewId() }, CancellationToken.None);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Destroy_ByAnotherHandlerObject_NeedsNoneOfTheFirst(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        await pod.RunAsync("sleep 1000");
        await pod.CreateAsync(pod.Plan("true"));
        Assert.NotEmpty(await host.Handler.ListOwnedAsync(CancellationToken.None));
        await host.RestartAsync();
        await pod.DestroyAsync();
        Assert.Empty(await host.Handler.ListOwnedAsync(CancellationToken.None));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Destroy_OfASandbox_TakesItsContainersAlong(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        await pod.RunAsync("sleep 1000");
        await host.RestartAsync();
        await host.Handler.DestroySandboxAsync(pod.DestroyRequest(), CancellationToken.None);
        Assert.Empty(await host.Handler.ListOwnedAsync(CancellationToken.None));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Create_CutOffWhereItSaves_LeavesNothingAndMayBeRepeated(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        var request = pod.Plan("exit 13");
        var saves = 0;
        host.OnSave = _ => throw (++saves > 0 ? RuntimeException.Unavailable("the journal is gone") : new InvalidOperationException());
        await Assert.ThrowsAsync<RuntimeException>(() => pod.CreateAsync(request));
        host.OnSave = static _ => { };
        Assert.True(saves > 0);
        await host.RestartAsync();
        await pod.StartAsync();
        var container = await pod.CreateAsync(request);
        await container.Init.StartAsync(CancellationToken.None);
        Assert.Equal(13, (await container.Init.Exit.Soon()).Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Create_OfAnIdThatExists_ReplacesIt(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        var request = pod.Plan("exit 14");
        var first = await pod.CreateAsync(request);
        var second = await pod.CreateAsync(request);
        Assert.Equal(137, (await first.Init.Exit.Soon()).Code);
        await second.Init.StartAsync(CancellationToken.None);
        Assert.Equal(14, (await second.Init.Exit.Soon()).Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Create_ThatIsGivenUp_LeavesNothing(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        var request = pod.Plan("true");
        using var cancellation = new CancellationTokenSource();
        host.OnSave = _ => cancellation.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pod.Sandbox.CreateContainerAsync(request, cancellation.Token));
        host.OnSave = static _ => { };
        Assert.DoesNotContain(await host.Handler.ListOwnedAsync(CancellationToken.None), o => o.Id == request.ContainerId);
        Assert.False(host.Cgroups.Exists(pod.CgroupOf(request.ContainerId)));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task StartSandbox_CalledTwice_IsTheSameSandbox(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync();
        var container = await pod.RunAsync("sleep 1000");
        await pod.StartAsync();
        Assert.Equal(container.Init.Pid, pod.Sandbox.FindContainer(container.Id)!.Init.Pid);
    }
}
