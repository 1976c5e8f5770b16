using Berth.Abstractions;
using Berth.Guest.Protocol;

namespace Berth.Plugins.Vm;

/// <summary>Creates containers: journal, files into the guest, the runtime in the guest, in this order.</summary>
internal sealed class ContainerCreator(VmFiles files, GuestAgent agent, VmTools tools)
{
    public async Task<VmContainer> CreateAsync(CreateContainerRequest request, CancellationToken cancellationToken)
    {
        var id = request.ContainerId;
        if (request.Rootfs.Form != tools.Supply.Form)
        {
            throw RuntimeException.InvalidArgument($"container {id}: its root file system comes as {request.Rootfs.Form}; this handler takes {tools.Supply.Form}");
        }

        var spec = GuestSpec.Read(request.BundlePath);
        var mounts = spec.HostMounts();
        tools.Supply.Check(request, mounts);
        var remover = new ContainerRemover(files, tools);
        await remover.RemoveAsync(id, agent).ConfigureAwait(false);
        var own = new ContainerFiles(request.PrivateDirectory);
        own.Clear();
        var log = ContainerLog.Create(request.LogPath, own.LogPosition, tools.Clock);
        var state = new ContainerState
        {
            SandboxId = request.SandboxId,
            ContainerId = id,
            PrivateDirectory = request.PrivateDirectory,
            Disk = tools.Supply.PlanDisk(request),
        };
        try
        {
            await SaveAsync(state, cancellationToken).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            var guest = await tools.Supply.AddAsync(files, request, mounts, agent, cancellationToken).ConfigureAwait(false);
            if (guest.Returned.Count > 0)
            {
                state = state with { Returned = guest.Returned };
                await SaveAsync(state, cancellationToken).ConfigureAwait(false);
            }

            var config = spec.Build(guest.Rootfs, GuestPaths.Cgroup(id), GuestPaths.SharedMemory, guest.Sources);
            return await CreateInGuestAsync(request, state, config, log, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RuntimeException or OperationCanceledException)
        {
            log.Dispose();
            await remover.RemoveAsync(id, agent).ConfigureAwait(false);
            throw;
        }
    }

    // A bundle that the runtime refuses is reported by the start.
    private async Task<VmContainer> CreateInGuestAsync(
        CreateContainerRequest request, ContainerState state, byte[] config, ContainerLog log, CancellationToken cancellationToken)
    {
        var init = new VmInit(request, state, log, agent, tools);
        try
        {
            await agent.CreateAsync(request.ContainerId, config, request.Stdin, init, cancellationToken).ConfigureAwait(false);
        }
        catch (RuntimeException e) when (e.Code == RuntimeErrorCode.FailedPrecondition)
        {
            var refused = state with { Refusal = e.Message };
            await SaveAsync(refused, cancellationToken).ConfigureAwait(false);
            init = new(request, refused, log, agent, tools);
        }

        return new(request, init, agent, tools);
    }

    private Task SaveAsync(ContainerState state, CancellationToken cancellationToken)
    {
        StateFile.Write(files.ContainerState(state.ContainerId), state);
        return tools.Context.SaveStateAsync(state.ContainerId, state.ToRecord(), cancellationToken);
    }
}
