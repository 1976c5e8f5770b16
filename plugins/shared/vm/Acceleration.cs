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
/// verdict is kept until the kernel, the module or QEMU changes.
/// </summary>
internal sealed class Acceleration(VmOptions options, string dataDirectory, Func<CancellationToken, Task> bootWithKvmAsync) : IDisposable
{
    private const string Device = "/dev/kvm";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);
    private readonly SemaphoreSlim _one = new(1);
    private readonly string _path = Path.Combine(dataDirectory, "kvm.json");

    public async Task<Accelerator> DecideAsync(string hypervisor, CancellationToken cancellationToken)
    {
        switch (options.Acceleration)
        {
            case AccelerationChoice.Tcg:
                return new("tcg", "the option 'acceleration' says so");
            case AccelerationChoice.Kvm:
                return File.Exists(Device) ? new("kvm", "the option 'acceleration' says so") : throw RuntimeException.Unavailable(
                    $"{Device} does not exist, and the option 'acceleration' demands it: load kvm_intel or kvm_amd, turn virtualisation on in the firmware, or use 'auto'");
            default:
                if (!File.Exists(Device))
                {
                    return new("tcg", $"{Device} does not exist");
                }

                await _one.WaitAsync(cancellationToken).ConfigureAwait(false);
                try
                {
                    return await KeptOrTriedAsync(Key(hypervisor), cancellationToken).ConfigureAwait(false);
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
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            await bootWithKvmAsync(limit.Token).ConfigureAwait(false);
            return null;
        }
        catch (RuntimeException e)
        {
            return $"{Device} exists, but KVM does not boot the guest: {e.Message}";
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return $"{Device} exists, but under KVM the guest did not come up within {Limit.TotalSeconds:0} s";
        }
    }

    private static string Key(string hypervisor) => string.Join(' ', (string[])[Kernel.Release, Module("kvm"), Module("kvm_intel"), Module("kvm_amd"), Stamp(hypervisor)]);

    private static string Module(string name)
    {
        var path = $"/sys/module/{name}/srcversion";
        return File.Exists(path) ? File.ReadAllText(path).Trim() : Directory.Exists($"/sys/module/{name}") ? name : "-";
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
