using Berth.Abstractions;

namespace Berth.Plugins.Vm;

/// <summary>Removes a container: from the guest, then its files, then its state. Absent is success.</summary>
internal sealed class ContainerRemover(VmFiles files, VmTools tools)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>Removes it.</summary>
    /// <param name="containerId">Which.</param>
    /// <param name="agent">The guest's agent; null if the VM is gone.</param>
    public async Task RemoveAsync(string containerId, GuestAgent? agent)
    {
        using var limit = new CancellationTokenSource(Limit);
        var path = files.ContainerState(containerId);
        var state = StateFile.Read<ContainerState>(path);
        try
        {
            if (agent is not null && state is not null)
            {
                await agent.DeleteAsync(containerId, limit.Token).ConfigureAwait(false);
            }

            await tools.Supply.RemoveAsync(files, containerId, agent is null ? null : state, limit.Token).ConfigureAwait(false);
            File.Delete(path);
        }
        catch (DirectoryNotFoundException)
        {
            // The VM's folder is gone, and the state with it.
        }
        catch (OperationCanceledException e)
        {
            throw new RuntimeException(
                RuntimeErrorCode.DeadlineExceeded, $"container {containerId}: the guest does not remove it within {Limit.TotalSeconds:0} s; removing the sandbox ends it", e);
        }
    }
}
