using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>Says whether VMs can run here: the parts, and who runs the guest's instructions.</summary>
internal sealed class VmCheck(VmStarter starter, FileServer? fileServer, IRootfsSupply supply, VmOptions options)
{
    private const int MaxOutputBytes = 64 * 1024;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private string? _versionOf;
    private string? _version;

    /// <summary>Looks.</summary>
    public async Task<HandlerCheck> RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await LookAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (RuntimeException e)
        {
            return new() { Ready = false, Reason = e.Message, Features = Features() };
        }
    }

    private async Task<HandlerCheck> LookAsync(CancellationToken cancellationToken)
    {
        var hypervisor = starter.Executable();
        _ = fileServer?.Executable;
        _ = GuestImage.Find(options.Guest);
        foreach (var (program, package) in (NeededProgram[])[new("ip", "iproute2"), new("tc", "iproute2"), .. supply.Programs])
        {
            _ = Executable.Find(program) ?? throw RuntimeException.Unavailable($"{program} is not in {Executable.SearchPath}: install the Debian package {package}");
        }

        var version = await VersionAsync(hypervisor, cancellationToken).ConfigureAwait(false);
        var accelerator = await starter.AcceleratorAsync(cancellationToken).ConfigureAwait(false);
        return new()
        {
            Ready = true,
            RuntimeVersion = $"{version}, {accelerator.Name} ({accelerator.Reason})",
            OciVersion = "1.0.2",
            Features = Features(),
        };
    }

    private async Task<string> VersionAsync(string hypervisor, CancellationToken cancellationToken)
    {
        if (_version is not null && _versionOf == hypervisor)
        {
            return _version;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            var result = await CommandRunner.RunAsync(new() { Path = hypervisor, Arguments = ["--version"] }, null, MaxOutputBytes, limit.Token).ConfigureAwait(false);
            if (result.ExitCode != 0 || !result.OutputText.StartsWith("QEMU", StringComparison.Ordinal))
            {
                throw RuntimeException.Unavailable($"{hypervisor} is no QEMU: --version ended with status {result.ExitCode}: {result.Error}");
            }

            (_versionOf, _version) = (hypervisor, result.OutputText.Split('\n')[0].Trim());
            return _version;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw RuntimeException.Unavailable($"{hypervisor} --version gave no answer within {Limit.TotalSeconds:0} s");
        }
        catch (Exception e) when (e is LinuxException or InvalidDataException)
        {
            throw RuntimeException.Unavailable($"{hypervisor}: {e.Message}", e);
        }
    }

    private HandlerFeatures Features() => new()
    {
        NetworkNamespace = NetworkNamespaceOwner.Host,
        RootfsForms = [supply.Form],
        Stats = StatsSource.Handler,
        Seccomp = true,
        MountOptions = true,
        SharedFolders = supply.SharesFolders,
        Terminal = true,
        Stdin = true,
        LimitUpdates = true,
        HoldsPodSize = true,
        ExecSignals = true,
        ExecTerminal = true,
        Attach = true,
        OpensPorts = true,
    };
}
