using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>Who runs the guest's instructions here, and why.</summary>
/// <param name="Name"><c>kvm</c> or <c>tcg</c>.</param>
/// <param name="Reason">For people.</param>
internal sealed record Accelerator(string Name, string Reason);

/// <summary>
/// Decides between KVM and TCG. A /dev/kvm that opens, and takes ioctls, may still not run our guest (a host without nested
/// virtualisation that shows it all the same): QEMU aborts, or the guest hangs. So the guest itself is booted once, and the
/// verdict is kept until the kernel, its module, QEMU or the guest's image changes.
/// </summary>
internal sealed class Acceleration(VmOptions options, string dataDirectory, KvmOfMachine kvm, Func<CancellationToken, Task> bootWithKvmAsync, TimeProvider clock) : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);
    private readonly SemaphoreSlim _one = new(1);
    private readonly string _path = Path.Combine(dataDirectory, "kvm.json");

    public async Task<Accelerator> DecideAsync(string hypervisor, GuestImage guest, CancellationToken cancellationToken)
    {
        switch (options.Acceleration)
        {
            case AccelerationChoice.Tcg:
                return new("tcg", "the option 'acceleration' says so");
            case AccelerationChoice.Kvm:
                return File.Exists(kvm.Device) ? new("kvm", "the option 'acceleration' says so") : throw RuntimeException.Unavailable(
                    $"{kvm.Device} does not exist, and the option 'acceleration' demands it: load kvm_intel or kvm_amd, turn virtualisation on in the firmware, or use 'auto'");
            default:
                if (!File.Exists(kvm.Device))
                {
                    return new("tcg", $"{kvm.Device} does not exist");
                }

                await _one.WaitAsync(cancellationToken).ConfigureAwait(false);
                try
                {
                    return await KeptOrTriedAsync(Key(hypervisor, guest), cancellationToken).ConfigureAwait(false);
                }
                finally
                {
                    _one.Release();
                }
        }
    }

    public void Dispose() => _one.Dispose();

    private async Task<Accelerator> KeptOrTriedAsync(string key, CancellationToken cancellationToken)
    {
        if (StateFile.Read<Verdict>(_path) is { } kept && kept.Key == key)
        {
            return new(kept.Failure is null ? "kvm" : "tcg", kept.Failure ?? "KVM has booted the guest");
        }

        var failure = await TryAsync(cancellationToken).ConfigureAwait(false);
        StateFile.Write(_path, new Verdict { Key = key, Failure = failure });
        return new(failure is null ? "kvm" : "tcg", failure ?? "KVM has booted the guest");
    }

    private async Task<string?> TryAsync(CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(Limit, clock);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            await bootWithKvmAsync(limit.Token).ConfigureAwait(false);
            return null;
        }
        catch (RuntimeException e)
        {
            return $"{kvm.Device} exists, but KVM does not boot the guest: {e.Message}";
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return $"{kvm.Device} exists, but under KVM the guest did not come up within {Limit.TotalSeconds:0} s";
        }
    }

    private string Key(string hypervisor, GuestImage guest) =>
        string.Join(' ', (string[])[kvm.KernelRelease, Module("kvm"), Module("kvm_intel"), Module("kvm_amd"), Stamp(hypervisor), guest.Stamp()]);

    private string Module(string name)
    {
        var folder = Path.Combine(kvm.Modules, name);
        var version = Path.Combine(folder, "srcversion");
        return File.Exists(version) ? File.ReadAllText(version).Trim() : Directory.Exists(folder) ? name : "-";
    }

    private static string Stamp(string path)
    {
        var file = new FileInfo(path);
        return $"{path} {file.Length} {file.LastWriteTimeUtc.Ticks}";
    }

    private sealed record Verdict
    {
        public required string Key { get; init; }

        public string? Failure { get; init; }
    }
}

/// <summary>Where this machine shows KVM.</summary>
internal sealed record KvmOfMachine
{
    public string Device { get; init; } = "/dev/kvm";

    /// <summary>The kernel's modules, a folder each.</summary>
    public string Modules { get; init; } = "/sys/module";

    public string KernelRelease { get; init; } = Kernel.Release;
}
