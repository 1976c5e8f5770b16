using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>What a VM is started with.</summary>
internal sealed record VmPlan
{
    public required VmState State { get; init; }

    public required GuestImage Guest { get; init; }

    /// <summary>The network namespace that its processes live in; null is the gateway's.</summary>
    public string? NetworkNamespace { get; init; }

    /// <summary>The cgroup for its processes; null leaves them where they are.</summary>
    public string? Cgroup { get; init; }
}

/// <summary>A VM that was started.</summary>
/// <param name="State">What was saved.</param>
/// <param name="End">The hypervisor's end, as an exit status.</param>
internal sealed record StartedVm(VmState State, Task<int> End);

/// <summary>
/// Starts a VM's processes.
/// <code>
///   folder, taps, share ─► file server and hypervisor, held ─► journal ─► cgroup ─► let go
/// </code>
/// </summary>
internal sealed class VmBoot(VmOptions options, FileServer? fileServer, Cgroups cgroups)
{
    public async Task<StartedVm> StartAsync(VmPlan plan, Func<VmState, Task> saveAsync, CancellationToken cancellationToken)
    {
        var files = new VmFiles(plan.State.Folder);
        // What is made below is found by these two: the folder's name and the network.
        Directory.CreateDirectory(files.Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await saveAsync(plan.State).ConfigureAwait(false);
        if (plan.State.Network is { } network)
        {
            await PodWire.ConnectAsync(network, cancellationToken).ConfigureAwait(false);
        }

        if (fileServer is not null)
        {
            ShareFolder.Make(files);
        }

        using var server = fileServer?.Start(files, plan.NetworkNamespace);
        using var hypervisor = Hypervisor.Start(Executable(), QemuPlanOf(plan, files), files, plan.NetworkNamespace);
        var state = plan.State with { FileServer = server?.Identity, Hypervisor = hypervisor.Identity };
        await saveAsync(state).ConfigureAwait(false);
        if (plan.Cgroup is { } cgroup)
        {
            Enter(cgroup, server);
            Enter(cgroup, hypervisor);
        }

        cancellationToken.ThrowIfCancellationRequested();
        _ = server?.Release();
        return new(state, hypervisor.Release());
    }

    /// <summary>The hypervisor's absolute path.</summary>
    public string Executable() => Berth.Linux.Executable.Find(options.Hypervisor) ?? throw RuntimeException.Unavailable(
        $"the hypervisor '{options.Hypervisor}' is not in {Berth.Linux.Executable.SearchPath}: install the Debian package qemu-system-x86, or set the option 'hypervisor'");

    private QemuPlan QemuPlanOf(VmPlan plan, VmFiles files) => new()
    {
        Name = $"berth-{plan.State.SandboxId[..Math.Min(13, plan.State.SandboxId.Length)]}",
        Accelerator = plan.State.Accelerator,
        Size = plan.State.Size,
        Guest = plan.Guest,
        KernelParameters = options.KernelParameters,
        Interfaces = plan.State.Network?.Interfaces ?? [],
        FileServer = fileServer is null ? null : files.FileServer,
    };

    private void Enter(string cgroup, HeldProcess? process)
    {
        try
        {
            _ = process is null || cgroups.Enter(cgroup, process.Identity.Pid);
        }
        catch (IOException e)
        {
            throw RuntimeException.Unavailable($"the VM's process {process!.Identity.Pid} cannot enter the cgroup {cgroup}: {e.Message}", e);
        }
    }
}
