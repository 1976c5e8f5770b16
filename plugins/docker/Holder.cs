using Berth.Abstractions;
using Berth.Linux;
using Docker.DotNet.Models;

namespace Berth.Plugins.Docker;

/// <summary>
/// The container that holds a pod: its network namespace, which CNI fills, its IPC namespace, its host name and, where the pod
/// shares it, its PID namespace. It runs an init without any right.
/// </summary>
internal sealed class Holder(HolderImage image, HandlerTools tools)
{
    private const int LowShares = 2;

    // Last to be killed for memory, as far as we may say so: lowering it needs this capability, see proc_pid_oom_score_adj(5).
    private static readonly int OomScore = CapabilitySet.TryParse("CAP_SYS_RESOURCE", out var capability) && CapabilitySet.OwnEffectiveSet().Contains(capability) ? -998 : 0;

    /// <summary>Makes it and pins its network namespace; what an earlier call made is taken over.</summary>
    /// <returns>The path of the pin.</returns>
    public async Task<string> PrepareAsync(PrepareSandboxRequest request, CancellationToken cancellationToken)
    {
        var id = request.SandboxId;
        await tools.Context.SaveStateAsync(id, new DockerState().ToRecord(), cancellationToken).ConfigureAwait(false);
        var engineId = await tools.Objects.FindHolderAsync(id, cancellationToken).ConfigureAwait(false)
            ?? await CreateAsync(request, cancellationToken).ConfigureAwait(false);
        await tools.Engine.CallAsync(
            $"start the holder of pod {id}", (c, token) => c.Containers.StartContainerAsync(engineId, new(), token), cancellationToken).ConfigureAwait(false);
        var state = (await tools.Objects.InspectAsync(engineId, cancellationToken).ConfigureAwait(false)).State!;
        using var process = RunningProcess.TryHold(state.Pid, engineId)
            ?? throw new RuntimeException(RuntimeErrorCode.Internal, $"the holder of pod {id} ended at once with status {state.ExitCode}: {state.Error}");
        try
        {
            return Pin(id, process.Pid);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RuntimeException(RuntimeErrorCode.Internal, $"the network namespace of pod {id} cannot be pinned: {e.Message}", e);
        }
    }

    /// <summary>Lets the namespace go.</summary>
    public void Unpin(string sandboxId)
    {
        var pin = tools.Folders.NetworkPin(sandboxId);
        try
        {
            Mounts.Unmount(pin);
            if (File.Exists(pin))
            {
                File.Delete(pin);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RuntimeException(RuntimeErrorCode.Internal, $"the pin of pod {sandboxId}'s network namespace cannot be removed: {e.Message}", e);
        }
    }

    private async Task<string> CreateAsync(PrepareSandboxRequest request, CancellationToken cancellationToken)
    {
        var place = CgroupPlace.OfHolder(request.Cgroup, tools.Driver);
        var parameters = new CreateContainerParameters
        {
            Name = PodNames.Holder(request.Pod),
            Image = await image.EnsureAsync(cancellationToken).ConfigureAwait(false),
            Entrypoint = [HolderImage.Command, "-P"],
            Hostname = request.Hostname,
            Labels = tools.Objects.Labels(request.SandboxId, null, null, request.Pod, "POD"),
            HostConfig = new()
            {
                NetworkMode = "none",
                IpcMode = "shareable",
                CgroupParent = place.Parent,
                ReadonlyRootfs = true,
                CapDrop = ["ALL"],
                SecurityOpt = ["no-new-privileges"],
                CPUShares = LowShares,
                OomScoreAdj = OomScore,
                LogConfig = new() { Type = "none" },
                // The Engine turns the dots into slashes again, so a name that has both cannot be said.
                Sysctls = request.Sysctls.ToDictionary(static s => s.Key.Replace('/', '.'), static s => s.Value),
                Init = false,
            },
        };
        return await tools.Objects.CreateAsync(request.SandboxId, parameters).ConfigureAwait(false);
    }

    private string Pin(string sandboxId, int pid)
    {
        var (pin, current) = (tools.Folders.NetworkPin(sandboxId), $"/proc/{pid}/ns/net");
        // A holder that ended and was started again has another one.
        if (!NetworkNamespace.Exists(pin) || FileStatus.Find(pin)?.Inode != FileStatus.Find(current)?.Inode)
        {
            Unpin(sandboxId);
            Directory.CreateDirectory(tools.Folders.Pins);
            File.WriteAllBytes(pin, []);
            Mounts.Bind(current, pin);
        }

        return pin;
    }
}
