using System.Text.RegularExpressions;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>
/// Says whether pods can run here, by running a machine whose first process ends at once.
/// </summary>
internal sealed partial class RktCheck(Programs programs, HandlerConfig config, Cgroups cgroups)
{
    // --console and --network-namespace-path; Debian 11 has 247.
    private const int LowestVersion = 242;

    // On a machine under load; alone it takes a tenth of a second.
    private static readonly TimeSpan TrialLimit = TimeSpan.FromSeconds(30);

    public async Task<HandlerCheck> LookAsync(CancellationToken cancellationToken)
    {
        var nspawn = await VersionAsync(programs.Nspawn, cancellationToken).ConfigureAwait(false);
        var runtime = await VersionAsync(programs.Runtime, cancellationToken).ConfigureAwait(false);
        var number = VersionNumber().Match(nspawn) is { Success: true } match ? int.Parse(match.ValueSpan, System.Globalization.CultureInfo.InvariantCulture) : 0;
        if (number < LowestVersion)
        {
            return new() { Ready = false, Reason = $"{programs.Nspawn} is version {number}, and {LowestVersion} is the first that can do what stage 1 needs: install a newer systemd-container" };
        }

        var refusal = await ProbeAsync(cancellationToken).ConfigureAwait(false);
        return new()
        {
            Ready = refusal is null,
            Reason = refusal is null ? null : $"systemd-nspawn cannot run a machine here: {refusal}",
            RuntimeVersion = $"{FirstLine(nspawn)}, {FirstLine(runtime)}",
            OciVersion = SpecVersion().Match(runtime) is { Success: true } spec ? spec.Groups[1].Value : "1.0.0",
            Features = new()
            {
                NetworkNamespace = NetworkNamespaceOwner.Host,
                RootfsForms = [RootfsForm.Mounted],
                Stats = StatsSource.Cgroup,
                HostNamespaces = true,
                SharedPidNamespace = true,
                Privileged = true,
                MountOptions = true,
                Devices = true,
                Sysctls = true,
                HugePages = true,
                SharedFolders = true,
                MountPropagation = true,
                Terminal = true,
                ExecTerminal = true,
                Attach = true,
                Stdin = true,
                LimitUpdates = true,
                HostProcesses = true,
                ExecSignals = true,
                AppArmor = runtime.Contains("+APPARMOR", StringComparison.Ordinal),
                Seccomp = runtime.Contains("+SECCOMP", StringComparison.Ordinal),
            },
        };
    }

    private string Trials => Path.Combine(config.DataDirectory, "check");

    // In a cgroup of its own: nspawn makes others beneath the one that it is in.
    private async Task<string?> ProbeAsync(CancellationToken cancellationToken)
    {
        // What a gateway left that was killed meanwhile. Nobody else tries at the same time.
        foreach (var left in Directory.Exists(Trials) ? Directory.GetDirectories(Trials) : [])
        {
            await RemoveAsync(new(left, Phase.Embryo)).ConfigureAwait(false);
        }

        var pod = new PodFolder(Path.Combine(Trials, Guid.NewGuid().ToString("D")), Phase.Embryo);
        Task<int>? ended = null;
        try
        {
            MachineCommand.MakeRoot(pod);
            cgroups.Create(CgroupOf(pod));
            using var output = new PipeCapture(4096, keepTail: true);
            using var gate = Gate.Before(MachineCommand.Trial(pod, programs) with { Descriptors = new Dictionary<int, SafeFd> { [1] = output.WriteEnd, [2] = output.WriteEnd } });
            output.WriteEnd.Dispose();
            ended = ReapAsync(gate.Child);
            cgroups.Enter(CgroupOf(pod), gate.Child.Pid);
            gate.Open();
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(TrialLimit);
            var code = await ended.WaitAsync(limit.Token).ConfigureAwait(false);
            await output.ReadAsync(null, limit.Token).ConfigureAwait(false);
            return code == 0 ? null : $"status {code}: {System.Text.Encoding.UTF8.GetString(output.ToArray()).Trim()}";
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return $"one whose first process ends at once did not end within {TrialLimit.TotalSeconds:0} s";
        }
        finally
        {
            await RemoveAsync(pod).ConfigureAwait(false);
            await (ended ?? Task.CompletedTask).ConfigureAwait(false);
        }
    }

    private static string CgroupOf(PodFolder pod) => $"/berth-check-{pod.Uuid}";

    private async Task RemoveAsync(PodFolder pod)
    {
        try
        {
            var cgroup = new ContainerCgroup(cgroups, CgroupOf(pod));
            await cgroup.KillAsync().ConfigureAwait(false);
            await cgroup.RemoveAsync().ConfigureAwait(false);
            PodRemover.RemoveNspawnFolders(pod);
            MountTable.UnmountBeneath(pod.Path);
            FileTree.Delete(pod.Path);
        }
        catch (TimeoutException e)
        {
            throw new RuntimeException(RuntimeErrorCode.Busy, $"the machine that was tried cannot be removed yet: {e.Message}", e);
        }
    }

    private static async Task<int> ReapAsync(ChildProcess child)
    {
        using (child)
        {
            return await child.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }

    private static async Task<string> VersionAsync(string program, CancellationToken cancellationToken)
    {
        var result = await Runtime.RunAsync(new Command { Path = program, Arguments = ["--version"] }, $"{program} --version", cancellationToken).ConfigureAwait(false);
        return result.ExitCode == 0 ? result.OutputText : throw RuntimeException.Unavailable($"{program} --version ended with status {result.ExitCode}: {result.Error}");
    }

    private static string FirstLine(string text) => text.Split('\n')[0].Trim();

    [GeneratedRegex(@"(?<=^systemd )\d+")]
    private static partial Regex VersionNumber();

    [GeneratedRegex(@"^spec: (\d+\.\d+\.\d+)", RegexOptions.Multiline)]
    private static partial Regex SpecVersion();
}
