using Berth.Abstractions;

namespace Berth.Plugins.Vm;

/// <summary>
/// Starts a pod's VM and waits until its agent answers and has set the pod up.
/// </summary>
internal sealed class VmStarter : IDisposable
{
    private const string CheckId = "check";
    private readonly VmBoot _boot;
    private readonly VmRemover _remover;
    private readonly VmTools _tools;
    private readonly Acceleration _acceleration;

    public VmStarter(VmBoot boot, VmRemover remover, string dataDirectory, VmTools tools)
    {
        (_boot, _remover, _tools) = (boot, remover, tools);
        _acceleration = new(tools.Options, dataDirectory, new(), TryKvmAsync, tools.Clock);
    }

    public async Task<VmSandbox> StartAsync(StartSandboxRequest request, CancellationToken cancellationToken)
    {
        var sandbox = request.Sandbox;
        var files = _tools.FilesOf(sandbox.SandboxId);
        await _remover.RemoveAsync(files, null).ConfigureAwait(false);
        var accelerator = await AcceleratorAsync(cancellationToken).ConfigureAwait(false);
        var plan = new VmPlan
        {
            State = new()
            {
                SandboxId = sandbox.SandboxId,
                Folder = files.Folder,
                Network = request.Network,
                Accelerator = accelerator.Name,
                AcceleratorReason = accelerator.Reason,
                Size = VmSize.Of(sandbox.Resources, _tools.Options),
            },
            Guest = GuestImage.Find(_tools.Options.Guest),
            NetworkNamespace = sandbox.NamespacePaths.GetValueOrDefault("network"),
            Cgroup = sandbox.Cgroup.OverheadPath,
        };
        var agent = new GuestAgent(files.Agent, _tools.Log, _tools.Clock);
        try
        {
            var vm = await _boot.StartAsync(plan, SaveAsync, cancellationToken).ConfigureAwait(false);
            var released = _tools.Clock.GetTimestamp();
            agent.Begin();
            await AnsweredAsync(agent, vm, cancellationToken).ConfigureAwait(false);
            var boot = new BootTime(_tools.Clock.GetElapsedTime(released), agent.Facts!.Uptime);
            await agent.SetUpPodAsync(PodSetup.Of(request), _tools.Supply.SharesFolders ? QemuArguments.ShareTag : null, cancellationToken).ConfigureAwait(false);
            var started = new VmSandbox(vm.State, agent, sandbox.Resources, _tools) { Boot = boot };
            started.Follow(AsOptional(vm.End));
            return started;
        }
        catch (Exception e) when (e is RuntimeException or OperationCanceledException or IOException or UnauthorizedAccessException)
        {
            await agent.DisposeAsync().ConfigureAwait(false);
            await _remover.RemoveAsync(files, null).ConfigureAwait(false);
            throw e is IOException or UnauthorizedAccessException ? RuntimeException.Unavailable($"sandbox {sandbox.SandboxId}: {e.Message}", e) : e;
        }

        Task SaveAsync(VmState state)
        {
            StateFile.Write(files.State, state);
            return _tools.Context.SaveStateAsync(sandbox.SandboxId, state.ToRecord(), cancellationToken);
        }
    }

    public string Executable() => _boot.Executable();

    public Task<Accelerator> AcceleratorAsync(CancellationToken cancellationToken) => _acceleration.DecideAsync(_boot.Executable(), GuestImage.Find(_tools.Options.Guest), cancellationToken);

    public void Dispose() => _acceleration.Dispose();

    // The guest under KVM, without a pod; killed whatever comes of it.
    private async Task TryKvmAsync(CancellationToken cancellationToken)
    {
        var files = _tools.FilesOf(CheckId);
        await _remover.RemoveAsync(files, null).ConfigureAwait(false);
        await using var agent = new GuestAgent(files.Agent, _tools.Log, _tools.Clock);
        try
        {
            var state = new VmState { SandboxId = CheckId, Folder = files.Folder, Accelerator = "kvm", AcceleratorReason = "check", Size = new(_tools.Options.OverheadMemoryMiB + 64, 1) };
            var plan = new VmPlan { State = state, Guest = GuestImage.Find(_tools.Options.Guest) };
            var vm = await _boot.StartAsync(plan, Save, cancellationToken).ConfigureAwait(false);
            agent.Begin();
            await AnsweredAsync(agent, vm, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await _remover.RemoveAsync(files, null).ConfigureAwait(false);
        }

        Task Save(VmState state)
        {
            StateFile.Write(files.State, state);
            return Task.CompletedTask;
        }
    }

    private async Task AnsweredAsync(GuestAgent agent, StartedVm vm, CancellationToken cancellationToken)
    {
        var limit = TimeSpan.FromSeconds(_tools.Options.BootSeconds);
        var answered = agent.ReadyAsync(cancellationToken);
        try
        {
            if (await Task.WhenAny(answered, vm.End).WaitAsync(limit, _tools.Clock, cancellationToken).ConfigureAwait(false) == vm.End)
            {
                var words = SafeFdLog.Tail(new VmFiles(vm.State.Folder).HypervisorLog);
                throw RuntimeException.Unavailable($"the hypervisor ended (status {await vm.End.ConfigureAwait(false)}) before the guest was up: {words}");
            }

            await answered.ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            var words = await new Hypervisor(new(vm.State.Folder), vm.State.Hypervisor!).LastWordsAsync().ConfigureAwait(false);
            throw new RuntimeException(RuntimeErrorCode.DeadlineExceeded, $"the guest was not up within {limit.TotalSeconds:0} s; {words}");
        }
    }

    private static async Task<int?> AsOptional(Task<int> end) => await end.ConfigureAwait(false);
}
